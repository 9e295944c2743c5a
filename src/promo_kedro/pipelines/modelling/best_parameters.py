"""What a search found, as a parameters file that a person can read, keep and commit."""

from typing import Any

import yaml

from promo_kedro.pipelines.modelling.search import SearchResult

_HEAD = """\
# The best network and training that a search found; `kedro run --pipeline=search` writes this file.
#
# {trials} trials: {complete} trained to their end, {stopped} stopped early, {failed} failed;
# {minutes:.0f} minutes. Study {study}.
# Log loss of the validation step, {judged:,} consumer-items: {best:.5f}.
# {verdict}
# Raw data: {data_hash}
#
# To use it, put it into conf/local/parameters.yml (for this computer) or into an environment's
# conf/<environment>/parameters.yml (for everyone); where either has a `modelling:` already, under
# that one. What modelling.recipes and modelling.by_category say still goes before it.
"""


def best_parameters(result: SearchResult, data_hash: str) -> str:
    """Write the best recipe as YAML, each value that changed with what it was before."""
    before, found = result.start.model_dump(mode="json"), result.best.model_dump(mode="json")
    lines = ["modelling:"]
    for part, values in found.items():
        lines += ["", f"  {part}:"]
        lines += [_line(name, value, before[part][name]) for name, value in values.items()]
    return _head(result, data_hash) + "\n".join(lines) + "\n"


def _head(result: SearchResult, data_hash: str) -> str:
    states = result.trials["state"].value_counts()
    return _HEAD.format(
        trials=len(result.trials),
        complete=states.get("complete", 0),
        stopped=states.get("stopped early", 0),
        failed=states.get("failed", 0),
        minutes=result.trials["seconds"].sum() / 60,
        study=result.study,
        judged=result.judged,
        best=result.best_loss,
        verdict=_verdict(result),
        data_hash=data_hash,
    )


def _verdict(result: SearchResult) -> str:
    if result.best == result.start:
        return "These are the parameters that the search started from: nothing better was found."
    if result.start_loss != result.start_loss:
        return "The parameters that the search started from could not be trained."
    gain = 100 * (1 - result.best_loss / result.start_loss)
    return f"The parameters it started from: {result.start_loss:.5f}, so {gain:.2f} % lower here."


def _line(name: str, value: Any, before: Any) -> str:
    changed = "" if value == before else f"   # was {_yaml(before)}"
    return f"    {name}: {_yaml(value)}{changed}"


def _yaml(value: Any) -> str:
    """Write a value on one line; PyYAML gives floats the point without which they are text."""
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
