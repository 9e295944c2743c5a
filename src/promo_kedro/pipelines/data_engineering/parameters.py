"""What a user can set about reading, cleaning and exploring the raw tables."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from promo_kedro.pipelines.data_engineering.panel_parameters import PanelParameters


def _one_explicit_format(text: str) -> str:
    parts = sorted(re.findall(r"%(.)", text))
    days = [part for part in parts if part not in "HMS"]
    if days not in (["Y", "d", "m"], ["d", "m", "y"]):
        raise ValueError(
            f"date format {text!r}: write %d, %m and one of %Y (four digits) or %y (two digits), "
            "each once, for example %Y-%m-%d; %H, %M and %S may follow and are ignored"
        )
    return text


DateFormat = Annotated[str, AfterValidator(_one_explicit_format)]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DateParameters(_Group):
    """How dates are written in each file, and which are believable."""

    transactions: DateFormat = "%Y-%m-%d"
    campaigns: DateFormat = "%d/%m/%y"
    offer_log: DateFormat = "%Y-%m-%d"
    earliest: date = date(1990, 1, 1)
    latest: date | None = None


class CalendarParameters(_Group):
    """Where the history ends."""

    calendar_end: date | None = None


class CleaningParameters(_Group):
    """Which rows are set aside, and how many are too many."""

    max_rejected_share: float = Field(default=0.05, ge=0, le=1)
    max_quantity_ratio: float = Field(default=100, gt=1)
    max_quantity_ratio_by_category: dict[str, Annotated[float, Field(gt=1)]] = {}
    duplicate_lines: Literal["keep", "drop", "refuse"] = "keep"
    max_duplicate_share: float = Field(default=0.5, gt=0, le=1)


class ExplorationParameters(_Group):
    """The first look at the data."""

    min_consumers: int = Field(default=10, ge=1)
    offer_bin_width: float = Field(default=2.5, gt=0, le=50)
    max_basket_size: int = Field(default=60, ge=2)
    max_steps: int = Field(default=12, ge=2)


class DataEngineeringParameters(_Group):
    """Everything that ``data_engineering`` reads from its parameters file."""

    categories: list[str] | None = None
    dates: DateParameters = DateParameters()
    calendar: CalendarParameters = CalendarParameters()
    cleaning: CleaningParameters = CleaningParameters()
    exploration: ExplorationParameters = ExplorationParameters()
    panel: PanelParameters = PanelParameters()
