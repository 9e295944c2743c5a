"""What the brand models read: variables, ragged histories, and which brands were bought."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from promo_kedro.types import Array


@dataclass(frozen=True)
class Tokens:
    """What consumers bought of brands, categories or items; ragged rows, one after the other.

    Attributes:
        start: (n + 1,) where each row's entries start.
        name: (m,) position in the vocabulary, 0 where it is unknown; brand position p is p + 1.
        level: (m,) bin of how often and how lately.
        steps_bought: (m,) steps with a purchase, as far back as history is read.
        steps_bought_year: (m,) of these, those in the last year.
        steps_since: (m,) steps since the last purchase, at least 1.
    """

    start: Tensor
    name: Tensor
    level: Tensor
    steps_bought: Tensor
    steps_bought_year: Tensor
    steps_since: Tensor

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def row(self) -> Tensor:
        """Return the row of each entry."""
        return torch.repeat_interleave(self.start.diff())

    def rows(self, rows: Tensor) -> "Tokens":
        """Return some rows, in the order asked for; a row may be asked for twice."""
        start, at = _spread(self.start[rows], self.start[rows + 1])
        columns = (getattr(self, field.name)[at] for field in fields(self)[1:])
        return Tokens(start, *columns)


@dataclass(frozen=True)
class BrandInputs:
    """Consumers before snapshots; n rows, V variables.

    Attributes:
        customer_id: (n,) ids.
        snapshot: (n,) step before which everything below ends.
        variables: (n, V) level of each variable, 0 where it is missing or unknown.
        tenure: (n,) steps since the first purchase, as far back as history is read; 0 without.
        brands: Brands bought.
        categories: Categories bought.
        items: Items bought.
        bought: (k, 2) sorted pairs of row and brand position, bought in the steps foretold; none
            where these steps are yet to come.
    """

    customer_id: Array
    snapshot: Array
    variables: Tensor
    tenure: Tensor
    brands: Tokens
    categories: Tokens
    items: Tokens
    bought: Tensor | None

    def __len__(self) -> int:
        return len(self.variables)

    def rows(self, rows: Tensor) -> "BrandInputs":
        """Return some rows, in the order asked for; a row may be asked for twice."""
        at = rows.numpy()
        return BrandInputs(
            self.customer_id[at],
            self.snapshot[at],
            self.variables[rows],
            self.tenure[rows],
            self.brands.rows(rows),
            self.categories.rows(rows),
            self.items.rows(rows),
            None if self.bought is None else _pairs_of(self.bought, rows),
        )

    def at_most(self, rows: int) -> "BrandInputs":
        """Return so many rows evenly spaced, so that no ids or snapshots are preferred; or all."""
        if len(self) <= rows:
            return self
        return self.rows(torch.linspace(0, len(self) - 1, rows, dtype=torch.float64).long())

    def bought_matrix(self, brands: int) -> Tensor:
        """Return (n, brands) ones where a brand was bought, else zeros.

        Raises:
            ValueError: The steps foretold are yet to come.
        """
        if self.bought is None:
            raise ValueError("nothing is known of the steps after the last snapshot")
        matrix = torch.zeros(len(self), brands)
        matrix[self.bought[:, 0], self.bought[:, 1]] = 1.0
        return matrix


def to_tensors(inputs: BrandInputs) -> list[Tensor]:
    """Return all that a network reads, bare: Fabric opens no dataclass."""
    histories = (inputs.brands, inputs.categories, inputs.items)
    columns = [getattr(history, name.name) for history in histories for name in fields(Tokens)]
    return [inputs.variables, inputs.tenure, *columns]


def from_tensors(tensors: Sequence[Tensor]) -> BrandInputs:
    """Put them together again, without ids and without what was bought."""
    variables, tenure, *columns = tensors
    width, nobody = len(fields(Tokens)), np.empty(0, dtype=np.int64)
    brands, categories, items = (
        Tokens(*columns[at : at + width]) for at in range(0, len(columns), width)
    )
    return BrandInputs(nobody, nobody, variables, tenure, brands, categories, items, bought=None)


def _spread(begin: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Return where ranges start once they follow each other, and all their places."""
    count = end - begin
    start = torch.cat([count.new_zeros(1), count.cumsum(0)])
    shift = torch.repeat_interleave(begin - start[:-1], count)
    return start, torch.arange(len(shift), device=shift.device) + shift


def _pairs_of(bought: Tensor, rows: Tensor) -> Tensor:
    """Return the pairs of some rows, which are numbered anew."""
    row = bought[:, 0].contiguous()
    begin, end = torch.searchsorted(row, rows), torch.searchsorted(row, rows, right=True)
    _, at = _spread(begin, end)
    new = torch.repeat_interleave(end - begin)
    return torch.stack([new, bought[at, 1]], dim=1)
