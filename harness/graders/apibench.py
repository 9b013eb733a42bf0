"""Marks a call of a machine-learning API by the rule of Gorilla's APIBench.

An answer is right when the API that it calls is of the wanted domain. The rule is lenient, so
the share of answers that call the very API of the reference always stands beside it.
Sources: Patil 2023 and its published scripts for Torch Hub, TensorFlow Hub and Hugging Face.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from harness.datasets.lines import objects
from harness.errors import RegistryError
from harness.graders.syntax import Call, SubTree, node_text, outermost_call, sub_trees
from harness.records import Completion, Sample, Score

LARGEST_CALL = 20_000
"""Characters of a call that are parsed: far more than any call has, and quick also when broken."""

CORRECT, WRONG, HALLUCINATION, NO_CALL = "correct", "wrong", "hallucination", "no call"


@dataclass(frozen=True)
class ApiBench:
    """The answer calls an API of the reference's domain; the mark is APIBench's functionality.

    ``database`` is the JSONL file of the APIs that exist, each with ``api_call`` and
    ``domain``; ``hub`` says whose script is followed: torchhub, tensorhub or huggingface.
    Samples hold the reference as ``api_data``, or name its call as their ideal.
    """

    database: str = ""
    hub: str = "torchhub"
    needs_ideal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.hub not in HUBS:
            raise RegistryError(f"hub '{self.hub}' is none of {', '.join(HUBS)}")
        if self.database:
            _ = self.apis  # read while the run is made ready, not while it is on

    @cached_property
    def apis(self) -> tuple[Api, ...]:
        """The APIs that exist, in the file's order."""
        return tuple(_apis(Path(self.database), HUBS[self.hub])) if self.database else ()

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 in the right domain, with ``hallucination`` and ``exact_api`` (0 or 1) as details.

        Raises:
            RegistryError: the option ``database`` is missing.
        """
        if not self.database:
            raise RegistryError("ApiBench needs the option 'database', the JSONL file of the APIs")
        reference = self._reference(sample)
        if reference is None:
            return Score(None, reason="the sample has no reference: add its 'api_data'")
        call = call_in(completion.text, HUBS[self.hub].whole_text)
        if call is None:
            return _score(NO_CALL, reason="the answer names no api_call")
        api = self._called(call)
        if api is None:
            return _score(HALLUCINATION, reason=f"no such API: {_short(call)}")
        is_exact = api.call == reference.get("api_call")
        if api.domain == reference["domain"]:
            return _score(CORRECT, is_exact, reason=f"calls {api.call}")
        return _score(WRONG, is_exact, reason=f"calls {api.call} of the domain {api.domain!r}")

    def _reference(self, sample: Sample) -> Mapping[str, Any] | None:
        """The sample's ``api_data``, else the API of the database that its ideal calls."""
        found = sample.metadata.get("api_data")
        if isinstance(found, Mapping) and "domain" in found:
            return found
        wanted = [call_in(ideal, whole_text=True) for ideal in sample.ideal]
        api = next((api for api in self.apis if api.call in wanted), None)
        return None if api is None else {"domain": api.domain, "api_call": api.call}

    def _called(self, call: str) -> Api | None:
        """The first API whose name heads a sub-tree of the call that holds all its arguments."""
        trees = sub_trees(call[:LARGEST_CALL])
        return next((api for api in self.apis if api.is_called_in(trees)), None)


def _score(label: str, is_exact: bool = False, *, reason: str) -> Score:
    details = {"hallucination": float(label == HALLUCINATION), "exact_api": float(is_exact)}
    return Score(float(label == CORRECT), label, reason, details)


def _short(call: str) -> str:
    return call if len(call) <= 100 else call[:100] + "…"


def call_in(text: str, whole_text: bool = False) -> str | None:
    """The call that an answer names after its first ``api_call``; None where it names none.

    It reaches from two characters behind the colon to the last bracket before the next
    ``api_call`` or ``api_provider``. ``whole_text`` takes an answer without ``api_call`` as it is.
    """
    _, marker, rest = text.partition("api_call")
    if not marker:
        return text if whole_text else None
    field = rest.partition("api_call")[0].partition("api_provider")[0]
    start = max(field.find(":"), 0) + 2
    last = field.rfind(")")
    return field[start : last + 1] if last >= 0 else field[start:-1]


# --- the APIs that exist -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Api:
    """One API: its call as the database writes it, and what an answer must hold to call it."""

    call: str
    domain: str
    name: str
    values: tuple[str, ...]

    def is_called_in(self, trees: Sequence[SubTree]) -> bool:
        """Whether the first sub-tree headed by the name holds all argument values.

        As in the published scripts, the last sub-tree stands in where none has that head.
        """
        tree = next((tree for tree in trees if tree.head == self.name), trees[-1])
        return all(value in tree.text for value in self.values)


@dataclass(frozen=True, slots=True)
class Hub:
    """What differs between the published scripts.

    ``whole_text``: an answer without ``api_call`` is read as a call. ``named`` are the marks of
    arguments of which the value counts; of the others all text counts (``others``), or nothing.
    """

    whole_text: bool
    named: tuple[str, ...]
    others: bool


HUBS: Mapping[str, Hub] = {
    "torchhub": Hub(whole_text=False, named=("repo_or_dir", "model"), others=False),
    "tensorhub": Hub(whole_text=True, named=("model=", "model ="), others=True),
    "huggingface": Hub(whole_text=True, named=("=",), others=True),
}


def _apis(path: Path, hub: Hub) -> Iterator[Api]:
    for place, line in objects(path):
        written, domain = line.get("api_call"), line.get("domain")
        if not isinstance(written, str) or not isinstance(domain, str):
            raise RegistryError(f"{place}: an API needs 'api_call' and 'domain', both as text")
        call = outermost_call(written)
        values = tuple(_values(call, hub)) if call else ()
        if call and values:  # without values every answer would call it
            yield Api(written, domain, call.name, values)


def _values(call: Call, hub: Hub) -> Iterator[str]:
    for node in call.arguments:
        text = node_text(node)
        if any(mark in text for mark in hub.named):
            value = node.children[2] if node.child_count > 2 else node  # name, =, value
            yield node_text(value).strip("'")
        elif hub.others and text not in ("(", ")", ","):
            yield text.strip("'")
