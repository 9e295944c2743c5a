"""Ragged rows against dense ones."""

import numpy as np
import pytest
import torch

from promo_kedro.pipelines.modelling.brands.inputs import (
    BrandInputs,
    Tokens,
    from_tensors,
    to_tensors,
)


def tokens(generator: torch.Generator, rows: int, names: int) -> Tokens:
    count = torch.randint(0, 4, (rows,), generator=generator)
    total = int(count.sum())
    return Tokens(
        torch.cat([torch.zeros(1, dtype=torch.int64), count.cumsum(0)]),
        torch.randint(0, names, (total,), generator=generator),
        torch.randint(0, 30, (total,), generator=generator),
        torch.rand(total, generator=generator),
        torch.rand(total, generator=generator),
        torch.rand(total, generator=generator),
    )


@pytest.fixture
def inputs() -> BrandInputs:
    generator = torch.Generator().manual_seed(4)
    bought = (torch.rand(20, 5, generator=generator) < 0.3).nonzero()
    return BrandInputs(
        np.arange(20) * 3,
        np.full(20, 7),
        torch.randint(0, 4, (20, 2), generator=generator),
        torch.rand(20, generator=generator),
        tokens(generator, 20, 6),
        tokens(generator, 20, 3),
        tokens(generator, 20, 9),
        bought,
    )


def listed(part: Tokens) -> list[list[tuple[float, ...]]]:
    """Each row as a list of its entries, cut by hand."""
    columns = [part.name, part.level, part.steps_bought, part.steps_bought_year, part.steps_since]
    entries = list(zip(*(column.tolist() for column in columns), strict=True))
    start = part.start.tolist()
    return [entries[start[row] : start[row + 1]] for row in range(len(part))]


@pytest.mark.parametrize("rows", [[3, 0, 0, 19, 7], [], list(range(20)), [5]])
def test_rows_are_those_of_the_lists(inputs: BrandInputs, rows: list[int]) -> None:
    chosen = inputs.rows(torch.tensor(rows, dtype=torch.int64))
    assert len(chosen) == len(rows)
    for kind in ("brands", "categories", "items"):
        whole = listed(getattr(inputs, kind))
        assert listed(getattr(chosen, kind)) == [whole[row] for row in rows]
    assert torch.equal(chosen.bought_matrix(5), inputs.bought_matrix(5)[rows])
    assert chosen.customer_id.tolist() == [row * 3 for row in rows]
    assert torch.equal(chosen.variables, inputs.variables[rows])


def test_pairs_of_some_rows_stay_sorted(inputs: BrandInputs) -> None:
    bought = inputs.rows(torch.tensor([9, 2, 2, 11])).bought
    assert bought is not None
    pairs = [tuple(pair) for pair in bought.tolist()]
    assert pairs == sorted(pairs)


def test_row_of_each_entry_skips_empty_rows() -> None:
    empty = torch.empty(3)
    part = Tokens(torch.tensor([0, 2, 2, 3]), empty.long(), empty.long(), empty, empty, empty)
    assert part.row.tolist() == [0, 0, 2]


def test_bare_tensors_hold_all_that_a_network_reads(inputs: BrandInputs) -> None:
    again = from_tensors(to_tensors(inputs))
    assert listed(again.items) == listed(inputs.items)
    assert listed(again.brands) == listed(inputs.brands)
    assert torch.equal(again.tenure, inputs.tenure)
    with pytest.raises(ValueError, match="nothing is known"):
        again.bought_matrix(5)
