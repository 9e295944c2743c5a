"""The offer program against the solvers one could use instead: seconds, memory, certified gap.

Run it from the project's root: ``python benchmarks/optimization.py [--sizes N …]``.
How to read what it prints: docs/offer-benchmark.md.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
from contest.goals import goals_table
from offer_programs.children import OUT_OF_MEMORY, OUT_OF_TIME, Limits, measured
from offer_programs.clocked import task_done
from offer_programs.goals import NAMES, goals
from offer_programs.instances import INSTANCES
from offer_programs.peers import INFEASIBLE, PEERS, Peer

SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
PRINTED = ["printed, numba", "printed, numpy"]
KINDS = [name for name in INSTANCES if name != "printed"] + ["frontier", *PRINTED]
FRONTIER_SIZES, AGREE = (100_000, 1_000_000), 1e-6
OURS = [
    "instance",
    "size",
    "outcome",
    "status",
    "seconds",
    "slowest",
    "cpu_seconds",
    "runs",
    "gap",
    "rows_that_cost",
    "memory_over_inputs",
    "input_mb",
    "peak_gb",
    "import_seconds",
    "warm_seconds",
    "solver",
]
THEIRS = [
    "instance",
    "size",
    "peer",
    "outcome",
    "status",
    "seconds",
    "of_it_writing",
    "cpu_seconds",
    "runs",
    "peak_gb",
    "times_ours",
    "difference",
    "agrees",
]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=SIZES, help="consumer-items of each program")
    add("--instances", nargs="+", choices=KINDS, default=KINDS)
    add("--repeats", type=int, default=5, help="runs of each, of which the median counts")
    add("--threads", type=int, default=os.cpu_count() or 1, help="of ours and of the peers")
    add("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), help="nothing for none")
    add("--peer-size", type=int, default=100_000, help="peers are tried up to this size")
    add("--peer-seconds", type=float, default=600, help="of a peer's process, all its runs")
    add("--peer-gb", type=float, default=12, help="memory of a peer's process")
    add("--seconds", type=float, default=1800, help="of a process of ours, all its runs")
    add("--seed", type=int, default=1)
    add("--profile", action="store_true", help="print where the time of our solve goes")
    add("--output", type=Path, default=Path("data/benchmark/optimization"))
    add("--task", help=argparse.SUPPRESS)
    add("--answer", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    if asked.task:
        asked.answer.write_text(json.dumps(task_done(json.loads(asked.task))))
        return
    os.environ.setdefault("COLUMNS", "200")
    asked.output.mkdir(parents=True, exist_ok=True)
    print(f"busy before the start: {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores", flush=True)
    ours, theirs = [], []
    for instance in asked.instances:
        worn_out: set[str] = set()
        for size in sorted(asked.sizes):
            if instance == "frontier" and size not in FRONTIER_SIZES:
                continue
            found = run_ours(asked, instance, size)
            ours.append(found)
            if instance in INSTANCES and size <= asked.peer_size:
                theirs += run_peers(asked, found, worn_out)
    write(asked.output, pd.DataFrame(ours), pd.DataFrame(theirs))


def run_ours(asked: argparse.Namespace, instance: str, size: int) -> dict[str, Any]:
    """Measure ours on one program, and print it."""
    what, of = {
        "frontier": ("frontier", "one_row"),
        **dict.fromkeys(PRINTED, 2 * ("printed",)),
    }.get(instance, ("solve", instance))
    task = {
        "what": what,
        "instance": of,
        "way": instance,
        **_common(asked, size),
        "profile": asked.profile,
    }
    folder = asked.output / "logs" / f"{instance}-{size}".replace(", ", "-")
    found = measured(task, folder, Limits(asked.seconds, float("inf"), asked.threads))
    found |= {"instance": instance, "drawn_as": of}
    said = found["outcome"]
    if said == "ok":
        said = f"{found['seconds']:.3f} s, gap {found.get('gap', float('nan')):.1e}"
    print(f"{NAMES.get(instance, instance)}, {size:,}: {said}", flush=True)
    if asked.profile:
        print((folder / "log").read_text())
    return found


def run_peers(
    asked: argparse.Namespace, ours: dict[str, Any], worn_out: set[str]
) -> list[dict[str, Any]]:
    """Measure the peers on the same program; who ran out on a smaller one is not tried again."""
    rows = []
    for name in asked.peers:
        peer, instance, size = PEERS[name], ours["instance"], ours["size"]
        if not peer.takes(instance):
            continue
        task = {"what": "peer", "peer": name, "instance": instance, **_common(asked, size)}
        if name in worn_out:
            rows.append({**task, "outcome": "ran out on fewer"})
            continue
        folder = asked.output / "logs" / f"{instance}-{size}-{name}".replace(" ", "_")
        found = measured(task, folder, Limits(asked.peer_seconds, asked.peer_gb, asked.threads))
        if found["outcome"] in {OUT_OF_TIME, OUT_OF_MEMORY}:
            worn_out.add(name)
        rows.append({**found, **compared(found, ours, peer)})
        last = rows[-1]
        print(
            f"    {name}: {last['outcome']}, {last.get('seconds', float('nan')):.3f} s, "
            f"{last['times_ours']:.0f} × ours, {last['agrees']}",
            flush=True,
        )
    return rows


def compared(found: dict[str, Any], ours: dict[str, Any], peer: Peer) -> dict[str, Any]:
    """Compare a peer's answer with ours: its objective with our bound, its seconds with ours."""
    nothing = {"times_ours": float("nan"), "difference": float("nan"), "agrees": ""}
    if ours["outcome"] == "ok" and "at_least" in found:
        return {**nothing, "times_ours": found["at_least"] / ours["seconds"]}
    if found["outcome"] != "ok" or ours["outcome"] != "ok":
        return nothing
    times = found["seconds"] / ours["seconds"]
    if ours["status"] == INFEASIBLE or found["status"] != "optimal":
        no = f"NO: {found['status']}" if peer.tight else "loosely"
        said = "yes" if found["status"] == ours["status"] else no
        return {**nothing, "times_ours": times, "agrees": said}
    bound = ours["bound_again"]
    difference = (found["objective"] - bound) / abs(bound)
    if peer.integer:  # a plan: below the bound, but not below ours by more than it may be
        close = -ours["gap"] - 2 * AGREE <= difference <= 1e-9
    else:
        close = abs(difference) <= AGREE
    agrees = ("yes" if close else "NO") if peer.tight else ("yes" if close else "loosely")
    return {"times_ours": times, "difference": difference, "agrees": agrees}


def write(folder: Path, ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Print the tables, goals missed first, and keep them.

    Raises:
        SystemExit: A peer that is exact enough disagrees with our bound, or ours failed.
    """
    ours, theirs = ours.reindex(columns=OURS), theirs.reindex(columns=THEIRS)
    tables = {"goals": goals_table(goals(ours, theirs)), "ours": ours, "peers": theirs}
    pages = []
    for name, table in tables.items():
        if table.empty:
            continue
        table.to_csv(folder / f"{name}.csv", index=False)
        shown = _shown(table)
        print(f"\n{name}\n{shown.to_string(index=False)}", flush=True)
        pages.append(f"## {name.capitalize()}\n\n{_markdown(shown)}\n")
    (folder / "report.md").write_text("\n".join(pages))
    wrong = theirs["agrees"].astype(str).str.startswith("NO")
    if wrong.any():
        raise SystemExit(f"\n{wrong.sum()} answers of peers disagree with our bound: see above")
    failed = ours["outcome"] != "ok"
    if failed.any():
        raise SystemExit(f"\n{failed.sum()} programs of ours have no answer: see above")


def _common(asked: argparse.Namespace, size: int) -> dict[str, Any]:
    return {
        "size": size,
        "repeats": asked.repeats,
        "threads": asked.threads,
        "seed": asked.seed,
    }


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.astype(object)
    for column in shown:
        shown[column] = [f"{one:.3g}" if isinstance(one, float) else one for one in shown[column]]
    return shown.replace("nan", "").fillna("")


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


if __name__ == "__main__":
    main()
