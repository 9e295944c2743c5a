"""Print how long exact expected-F1 cut-offs take, and what each method earns in a known world.

Run it from the project's root: ``python benchmarks/cutoffs.py [--threads N]``. The peer is the
same exact programme in plain Python, one consumer after another, on a sample of the consumers.
"""

import argparse
import resource
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from promo_kedro.pipelines.thresholding.cutoffs import (
    empirical_cutoffs,
    expected_f1_cutoffs,
    expected_f1_of_cutoffs,
    ratio_cutoffs,
)
from promo_kedro.pipelines.thresholding.f1 import f1
from promo_kedro.pipelines.thresholding.sharing import global_cutoffs, shrunk_cutoffs
from promo_kedro.types import Array

ITEMS, SAMPLE, SEED = 30, 300, 1
CONSUMERS = [10_000, 100_000, 1_000_000]
MEGABYTE = 1024 if sys.platform != "darwin" else 1024**2  # of ru_maxrss


def probabilities(consumers: int) -> Array:
    """As of a grocer: most items are unlikely, and some consumers buy far more than others."""
    rng = np.random.default_rng(SEED)
    keenness = rng.uniform(2, 12, (consumers, 1))
    return rng.beta(0.6, keenness, (consumers, ITEMS))


def in_plain_python(items: Sequence[float]) -> float:
    """The best cut-off of one consumer, by the same recursions over lists."""
    p = sorted(items, reverse=True)
    n = len(p)
    laws = [[1.0]]
    for q in p:
        last = laws[-1]
        laws.append(
            [
                (last[a] * (1 - q) if a < len(last) else 0.0) + (last[a - 1] * q if a else 0.0)
                for a in range(len(last) + 1)
            ]
        )
    reciprocal = [0.0, *(1 / i for i in range(1, 2 * n + 1))]
    best, cutoff = 0.0, float("inf")
    scores = []
    for k in range(n, 0, -1):
        scores.append((sum(2 * a * laws[k][a] * reciprocal[k + a] for a in range(1, k + 1)), k))
        for i in range(1, 2 * k - 1):
            reciprocal[i] = p[k - 1] * reciprocal[i + 1] + (1 - p[k - 1]) * reciprocal[i]
    for score, k in reversed(scores):
        if score > best and (k == n or p[k] < p[k - 1]):
            best, cutoff = score, p[k - 1]
    return cutoff


def measure(consumers: int, threads: int | None, repeats: int) -> dict[str, float]:
    """Time one size in a process of its own, whose peak memory is that of this size alone."""
    values = probabilities(consumers)
    groups = np.repeat(np.arange(consumers), ITEMS)
    expected_f1_cutoffs(groups[:ITEMS], values[0], threads=threads)  # first calls are slow
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, processor = [], []
    for _ in range(repeats):
        start, processor_start = perf_counter(), process_time()
        cutoffs = expected_f1_cutoffs(groups, values.ravel(), threads=threads)
        seconds.append(perf_counter() - start)
        processor.append(process_time() - processor_start)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    start = process_time()
    plain = [in_plain_python(row) for row in values[:SAMPLE].tolist()]
    plain_seconds = (process_time() - start) / SAMPLE
    return {
        "consumers": consumers,
        "seconds": min(seconds),
        "of all cores": min(processor),
        "of all cores, per million": min(processor) / consumers * 1e6,
        "memory beyond the input (MB)": (after - before) / MEGABYTE,
        "plain Python takes, times": plain_seconds * consumers / min(processor),
        "same cut-off": float(np.mean(np.isclose(cutoffs[:SAMPLE], plain, rtol=0, atol=1e-15))),
    }


def earned(consumers: int = 5_000, draws: int = 20) -> pd.DataFrame:
    """Mean F1 per consumer of each method, told the truth and told too much."""
    rng = np.random.default_rng(SEED + 1)
    truth = probabilities(consumers).ravel()
    groups = np.repeat(np.arange(consumers), ITEMS)
    outcomes = rng.random((draws + 1, len(truth))) < truth
    raised = 1 / (1 + (1 - truth) / np.maximum(truth, 1e-12) * np.exp(-3))

    def mean_f1(chosen: Array, bought: Array) -> float:
        shape = (len(bought), consumers, ITEMS)
        sizes = np.broadcast_to(chosen, bought.shape).reshape(shape).sum(axis=2)
        hits = (bought & chosen).reshape(shape).sum(axis=2)
        return float(f1(hits, sizes, bought.reshape(shape).sum(axis=2)).mean())

    rows = {}
    for name, told in {"true": truth, "logits + 3": raised}.items():
        table = expected_f1_of_cutoffs(groups, told)
        common = np.full(consumers, global_cutoffs(np.zeros(len(told), dtype=int), told)[0])
        empirical = empirical_cutoffs(groups, told, outcomes[0])
        cutoffs = {
            "expected_f1": table.best,
            "ratio": ratio_cutoffs(groups, told),
            "empirical": np.where(np.isnan(empirical), table.best, empirical),
            "global": common,
            "shrunk": shrunk_cutoffs(table, common, shrinkage=5),
        }
        chosen = {method: told >= cut[groups] for method, cut in cutoffs.items()}
        rows[name] = {method: mean_f1(cut, outcomes[1:]) for method, cut in chosen.items()}
        own = {"empirical": mean_f1(chosen["empirical"], outcomes[:1])}
        rows[f"{name}, on the labels that fitted it"] = own
    return pd.DataFrame(rows)


def main() -> None:
    """Print the time by number of consumers, then what the methods earn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, help="threads; every core when left out")
    parser.add_argument("--repeats", type=int, default=3, help="runs, of which the fastest counts")
    options = parser.parse_args()
    rows = []
    for consumers in CONSUMERS:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            task = process.submit(measure, consumers, options.threads, options.repeats)
            rows.append(task.result())
    print(f"{ITEMS} items per consumer, threads: {options.threads or 'every core'}")
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    print("\nMean F1 per consumer, by the probabilities that the method is told")
    print(earned().round(3).to_string(na_rep=""))


if __name__ == "__main__":
    main()
