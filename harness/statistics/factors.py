"""What statistics say of the one factor that they compare."""

from __future__ import annotations

from typing import Protocol


class OfFactor(Protocol):
    """A statistic of one metadata column."""

    @property
    def factor(self) -> str:
        """The column."""
        ...


def factor_of(statistic: OfFactor) -> str:
    """The factor, which its rows are by."""
    return statistic.factor


def fields_of(statistic: OfFactor) -> tuple[str, ...]:
    """The metadata that it reads: the factor."""
    return (statistic.factor,)
