"""What a lint says: a measurement held against its limits, or why it was skipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.linting.examples import Example
from harness.linting.question import Question
from harness.records import Severity

Unit = Literal["share", "from", "fewer", "ratio", "bits"]
EXAMPLES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """Above which value a lint informs, warns and blocks; None is never.

    With the unit "fewer" it is below which value, with "from" a share from which on.
    """

    unit: Unit = "share"
    info: float | None = None
    warn: float | None = None
    block: float | None = None

    def severity(self, value: float) -> Severity | None:
        """The worst that a value amounts to; None where it is no finding."""
        beyond = {"fewer": float.__lt__, "from": float.__ge__}.get(self.unit, float.__gt__)
        for severity, limit in self.by_severity():
            if beyond(float(value), float(limit)):
                return severity
        return None

    def by_severity(self) -> list[tuple[Severity, float]]:
        """The limits that there are, the worst first."""
        limits: tuple[tuple[Severity, float | None], ...] = (
            ("block", self.block),
            ("warn", self.warn),
            ("info", self.info),
        )
        return [(severity, limit) for severity, limit in limits if limit is not None]

    def text(self) -> str:
        """The limits in words: "any warns, above 2% blocks"."""
        parts = [f"{self._beyond(limit)} {_VERBS[s]}" for s, limit in reversed(self.by_severity())]
        return ", ".join(parts)

    def _beyond(self, limit: float) -> str:
        if self.unit == "fewer":
            return f"below {limit:g}"
        if self.unit == "from":
            return f"{100 * limit:g}% or more"
        if limit == 0:
            return "any"
        shown = {
            "share": f"{100 * limit:g}%",
            "ratio": f"{limit:g} times",
            "bits": f"{limit:g} bits",
        }
        return f"above {shown.get(self.unit, f'{limit:g}')}"


_VERBS: Mapping[Severity, str] = {"info": "is noted", "warn": "warns", "block": "blocks"}


@dataclass(frozen=True, slots=True)
class Hit:
    """One offending line, and what to show of it."""

    line: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a lint found. ``value`` is held against its limits; ``said`` puts it in words.

    ``lines`` are all that offend; ``examples`` some of them; ``most`` caps the severity where
    the evidence is too thin for more (None: no finding at all).
    """

    value: float
    said: str
    lines: Sequence[int] = ()
    examples: Sequence[Hit] = ()
    most: Severity | None = "block"
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Why a lint did not run."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lint:
    """One row of the table: what is looked for, how, from where on it matters, what to do.

    A row has ``look``, which says of a single example what is wrong with it, or ``measure``,
    which looks at all of them. ``says`` ends the sentence "3 of 100 examples ..." of a look.
    ``guide`` is the rule of the tuning guide behind it.
    """

    rule: str
    family: str
    method: str
    limits: Limits
    repair: str
    guide: str = ""
    says: str = ""
    look: Callable[[Example], str | None] | None = None
    measure: Callable[[Question], Measured | Skipped] | None = None
