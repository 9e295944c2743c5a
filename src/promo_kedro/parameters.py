"""What every pipeline's parameters have in common."""

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Parameters(BaseModel):
    """A group of parameters: read-only, and closed to names that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_names(cls, given: Any) -> Any:
        unknown = sorted(set(given) - set(cls.model_fields)) if isinstance(given, dict) else []
        if unknown:
            raise ValueError(no_such_name(unknown[0], set(cls.model_fields)))
        return given


def no_such_name(name: str, known: set[str]) -> str:
    """Say that a parameter does not exist, and which one may have been meant."""
    close = get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known))}."
    return f"there is no parameter {name!r}; {meant}"
