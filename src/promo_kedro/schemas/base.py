"""What all schemas share."""

from typing import Any

import pandera.ibis as pi
import pandera.pandas as pp
from pandera.config import ValidationDepth, config_context

SPLITS = ["train", "validation", "test", "next"]
MODES = ["paper", "linear", "exact"]


def percent(**options: Any) -> Any:
    """A column of percents, 0–100."""
    return pp.Field(in_range={"min_value": 0, "max_value": 100}, **options)


def probability_field(**options: Any) -> Any:
    """A column of probabilities, 0–1."""
    return pp.Field(in_range={"min_value": 0, "max_value": 1}, **options)


def not_negative(**options: Any) -> Any:
    """A column without negative values."""
    return pp.Field(ge=0, **options)


class IbisTable(pi.DataFrameModel):
    """Column names are exact: a column too many is as much a mistake as one too few."""

    class Config:
        """Refuse unknown columns."""

        strict = True

    @classmethod
    def validate(cls, check_obj: Any, *args: Any, **options: Any) -> Any:
        """Check a table; of one without rows only the columns.

        An engine answers "do all of no rows pass?" with null, which pandera takes for a no.
        """
        if check_obj.limit(1).count().to_pyarrow().as_py():
            return super().validate(check_obj, *args, **options)
        with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
            return super().validate(check_obj, *args, **options)


class PandasTable(pp.DataFrameModel):
    """As for Ibis tables; whole numbers may come as any integer type."""

    class Config:
        """Refuse unknown columns, unify number types."""

        strict = True
        coerce = True
