"""Whether the answers of two runs were sampled alike: else their diversity says nothing.

A higher temperature makes any model more varied, a lower limit of tokens any answer shorter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import RunFolderError
from harness.records import EvalSpec, Finding

RULE = "sampling"
DEFAULT = "the server's own"
ANSWERS = "answers a prompt"
PARAMETERS = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "top_k",
    "min_p",
    "typical_p",
)


@dataclass(frozen=True, eq=False, slots=True)
class Decoding:
    """How one model's answers to one eval were sampled; None where a log does not say.

    ``label`` is what the model is called, ``values`` the parameters that were set.
    """

    label: str
    values: Mapping[str, Any] | None = field(default_factory=dict)

    @classmethod
    def of(cls, label: str, spec: EvalSpec, overruled: Mapping[str, Any] | None = None) -> Decoding:
        """What the eval asks for, and what the model's own settings make of it."""
        asked = {name: getattr(spec.sampling, name, None) for name in PARAMETERS}
        everything = {**asked, **spec.sampling.extra, **(overruled or {})}
        values = {n: everything[n] for n in PARAMETERS if everything.get(n) is not None}
        return cls(label, {**values, ANSWERS: spec.answers_per_prompt})

    def value(self, name: str) -> Any:
        """One parameter, a number as a number whatever its type."""
        return (self.values or {}).get(name, DEFAULT)


def differences(base: Decoding, other: Decoding) -> Iterator[str]:
    """What was set differently, with both values."""
    if base.values is None or other.values is None:
        return
    for name in (*PARAMETERS, ANSWERS):
        one, two = base.value(name), other.value(name)
        if one != two:
            yield f"{name} {_shown(one)} and {_shown(two)}"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def checked(
    spec: EvalSpec, decodings: Sequence[Decoding], *, force: bool = False
) -> tuple[Finding, ...]:
    """What a report says of how the first and the others were sampled.

    An open task is not compared unless they were sampled alike, or ``force`` says so; a task
    with one answer is, with a warning.

    Raises:
        RunFolderError: an open task that was sampled differently.
    """
    base, *others = decodings
    found = {other: unequal for other in others if (unequal := [*differences(base, other)])}
    if found and spec.task == "open" and not force:
        other, unequal = next(iter(found.items()))
        raise RunFolderError(_refusal(spec.name, base.label, other.label, unequal))
    told = [_warning(base.label, other.label, unequal) for other, unequal in found.items()]
    unknown = [one.label for one in decodings if one.values is None]
    if unknown and spec.task == "open":
        told.append(_unknown(unknown))
    return tuple(told)


def _refusal(name: str, base: str, other: str, unequal: Sequence[str]) -> str:
    return (
        f"{name}: {base} and {other} were sampled differently ({'; '.join(unequal)}), which "
        "moves diversity by itself; run one of them again with the other's parameters, "
        "or compare all the same with --force"
    )


def _warning(base: str, other: str, unequal: Sequence[str]) -> Finding:
    return Finding(
        RULE,
        "warn",
        f"{base} and {other} were sampled differently ({'; '.join(unequal)}): part of any "
        "difference, above all in diversity, is the sampling's and not the model's",
        {"models": [base, other], "different": list(unequal)},
    )


def _unknown(labels: Sequence[str]) -> Finding:
    return Finding(
        RULE,
        "warn",
        f"how {' and '.join(labels)} {'was' if len(labels) == 1 else 'were'} sampled is not "
        "in the log: with another temperature or limit of tokens, diversity cannot be compared",
        {"models": list(labels)},
    )
