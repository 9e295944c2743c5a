"""The own-history path: what a consumer bought of a brand speaks straight to that brand's logit."""

import torch
from torch import Tensor, nn

from promo_kedro.pipelines.modelling.brands.inputs import Tokens
from promo_kedro.pipelines.modelling.brands.variables import LEVELS, STEPS_REMEMBERED, YEAR

PAIR_SIZE = 8
PAIR_UNITS = 32
PLAIN = 3


class OwnHistory(nn.Module):
    """A number for every consumer and brand with history, from both and from what lies between.

    A small network reads the pair's level, the brand (a short embedding that starts near zero, so
    that a brand with few buyers behaves like the others), the consumer, and plain numbers: the
    logits of the shares of steps with a purchase, ever and in the last year, and the log of the
    steps since the last. To read the shares against the consumer's own tenure is what keeps
    newcomers comparable.
    """

    def __init__(self, brands: int, consumer_size: int, dropout: float):
        super().__init__()
        self.level = nn.Embedding(LEVELS, PAIR_SIZE)
        self.brand = nn.Embedding(brands, PAIR_SIZE)
        self.consumer = nn.Linear(consumer_size, PAIR_SIZE, bias=False)
        self.plain = nn.Linear(PLAIN, 1, bias=False)
        self.hidden = nn.Linear(3 * PAIR_SIZE + PLAIN, PAIR_UNITS)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(PAIR_UNITS, 1)
        nn.init.normal_(self.level.weight, std=0.1)
        nn.init.normal_(self.brand.weight, std=0.01)
        nn.init.zeros_(self.plain.weight)
        nn.init.normal_(self.answer.weight, std=0.01)
        nn.init.zeros_(self.answer.bias)

    def forward(self, history: Tokens, tenure: Tensor, consumer: Tensor) -> tuple[Tensor, Tensor]:
        """Answer for each pair of a known brand.

        Args:
            history: Brands bought by n consumers.
            tenure: (n,) steps since the first purchase.
            consumer: (n, consumer_size) embeddings.

        Returns:
            (pairs, 2) row and brand position, and (pairs,) what to add to their logits.
        """
        known = history.name > 0
        row, brand = history.row[known], history.name[known] - 1
        plain = plain_numbers(
            history.steps_bought[known],
            history.steps_bought_year[known],
            history.steps_since[known],
            tenure[row],
        )
        pair = torch.cat(
            [
                self.level(history.level[known]),
                self.brand(brand),
                self.consumer(consumer)[row],
                plain,
            ],
            dim=1,
        )
        answer = self.answer(self.dropout(torch.relu(self.hidden(pair)))) + self.plain(plain)
        return torch.stack([row, brand], dim=1), answer.squeeze(1)


def plain_numbers(
    steps_bought: Tensor, steps_bought_year: Tensor, steps_since: Tensor, tenure: Tensor
) -> Tensor:
    """Return (pairs, PLAIN) what the path reads besides embeddings."""
    ever = frequency(steps_bought, tenure, STEPS_REMEMBERED)
    year = frequency(steps_bought_year, tenure, YEAR)
    return torch.stack([ever, year, torch.log(steps_since)], dim=1)


def frequency(steps_bought: Tensor, tenure: Tensor, looked_back: int) -> Tensor:
    """Return the logit of the share of steps with a purchase, half a step added to each side."""
    seen = torch.maximum(tenure.clamp(max=looked_back), steps_bought)
    return torch.log(steps_bought + 0.5) - torch.log(seen - steps_bought + 0.5)
