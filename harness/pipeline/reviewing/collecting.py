"""Samples of a run as a JSON-lines file: examples for what is still wrong.

Held-out samples that go into training are held out no longer: which ones went is kept beside the
run (copied.jsonl), a share of them can be kept back, and what was not taken can be written as the
next held-out set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil, isfinite
from typing import Any, Literal, get_args

import orjson

from harness.datasets.lines import Place as Line
from harness.datasets.samples import picked_items
from harness.errors import UsageError, did_you_mean
from harness.graders.call_reading import text_calls
from harness.pipeline.folder.beside import append_line, lines_in
from harness.pipeline.folder.runfolder import RunFolder, check_files
from harness.pipeline.questions.bridging import in_folder
from harness.pipeline.questions.evaluation import Question
from harness.pipeline.reviewing.reviews import (
    Place,
    Review,
    by_place,
    read_reviews,
    verdict_of_people,
)
from harness.records import EvalSpec, Finding, Sample
from harness.running.journal import Contents

State = Literal[
    "right",
    "wrong",
    "partly",
    "failed",
    "unmarked",
    "fixed",
    "broken",
    "both_wrong",
    "both_right",
    "called_wrong",
]
"""What a sample is; the last one is what people say of it, the others what its marks do."""

STATES: tuple[State, ...] = get_args(State)
AGAINST_BASE: frozenset[State] = frozenset({"fixed", "broken", "both_wrong", "both_right"})
"""What only two models together can be."""

Form = Literal["chat", "eval", "prompts"]
FORMS: tuple[Form, ...] = get_args(Form)
"""A training file; samples of an eval; or prompts alone, to write new examples like them."""

IDS_A_LINE = 500
"""Ids in one line of copied.jsonl."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which samples of one eval: those in any of ``states`` with this model, and those of ``ids``.

    By the mean mark of its answers a sample is right from 1 on, wrong at 0 and below, and partly
    right between; against ``base`` it is fixed where it is right now and was not before. ``part``
    is the share to take: the others stay held out, samples of one document together.
    """

    eval: str
    model: str
    base: str = ""
    states: tuple[State, ...] = ()
    ids: frozenset[str] = frozenset()
    form: Form = "chat"
    part: float = 1.0
    most: int | None = None


@dataclass(slots=True)
class Collection:
    """Samples that are written as they are read; the counts are right when all were.

    ``no_ideal`` have no right answer to learn, ``kept_back`` stay held out, ``unknown`` ids are
    of no sample.
    """

    question: Question
    wanted: Wanted
    chosen: frozenset[str]
    taken: int = 0
    no_ideal: int = 0
    kept_back: int = 0
    unknown: int = 0
    ids: list[str] = field(default_factory=list)
    """Of those taken."""
    copied: Callable[[Sequence[str]], None] | None = None
    """Told the ids of what is about to be written."""

    def lines(self) -> Iterator[bytes]:
        """One line for each sample taken, in the order of the eval's file."""
        self.taken = self.no_ideal = self.kept_back = 0
        self.ids = []
        goes = self._split()
        found = 0
        batch: list[tuple[str, bytes]] = []
        for sample in self.question.samples():
            if sample.id not in self.chosen:
                continue
            found += 1
            if goes is not None and _group(sample) not in goes:
                self.kept_back += 1
            elif (line := LINES[self.wanted.form](sample)) is None:
                self.no_ideal += 1
            elif self.wanted.most is None or self.taken < self.wanted.most:
                self.taken += 1
                # orjson's own bytes keep room of four times their length; the sum does not.
                batch.append((sample.id, orjson.dumps(line) + b"\n"))
                if len(batch) == IDS_A_LINE:
                    yield from self._out(batch)
                    batch = []
            else:
                self.kept_back += 1
        yield from self._out(batch)
        self.unknown = len(self.chosen) - found

    def rest(self) -> Iterator[bytes]:
        """The eval's samples that ``lines`` did not take, as they stand in its file."""
        spec, taken = self.question.spec, frozenset(self.ids)
        for key, place, item in picked_items(spec.samples, spec.name, None):
            if key not in taken:
                yield _raw(item, place)

    def _out(self, batch: Sequence[tuple[str, bytes]]) -> Iterator[bytes]:
        ids = [key for key, _ in batch]
        self.ids += ids
        if ids and self.copied is not None:
            self.copied(ids)  # before anybody has them
        yield from (line for _, line in batch)

    def _split(self) -> frozenset[bytes] | None:
        """The documents that go into the file; None for all."""
        if self.wanted.part >= 1:
            return None
        samples = (s for s in self.question.samples() if s.id in self.chosen)
        groups = sorted({_group(sample) for sample in samples})
        return frozenset(groups[: ceil(self.wanted.part * len(groups))])


def collect(folder: RunFolder, wanted: Wanted) -> Collection:
    """The samples of a run that are wanted; nothing is read of them before ``lines``.

    A number is held for each sample of the eval, and the ids of those that are wanted.

    Raises:
        UsageError: an eval, model or state that the run does not have.
        RunFolderError: no run folder, or its data have changed.
    """
    manifest = folder.read()
    check_files(manifest.plan.files, folder.path)
    spec = _spec(manifest.plan.evals, wanted.eval)
    _check(wanted)
    question = Question.answered(in_folder(spec, folder.path), manifest.plan.max_samples)
    chosen = wanted.ids
    if wanted.states:
        contents = Contents.of(folder.journal)
        chosen |= frozenset(_in_state(contents, wanted))
        if "called_wrong" in wanted.states:
            chosen |= frozenset(_called_wrong(contents, wanted, read_reviews(folder)))
    return Collection(question, wanted, chosen)


def models_of(folder: RunFolder, eval: str) -> tuple[str, tuple[str, ...]]:
    """The base model of a run, and all models that answered an eval of it, in their order.

    Raises:
        UsageError: the run has no such eval.
        RunFolderError: no run folder.
    """
    manifest = folder.read()
    _spec(manifest.plan.evals, eval)
    asked = [model for name, model in Contents.of(folder.journal).offsets if name == eval]
    return manifest.study.base, tuple(dict.fromkeys(asked))


def _spec(evals: Sequence[EvalSpec], name: str) -> EvalSpec:
    found = next((spec for spec in evals if spec.name == name), None)
    if found is None:
        near = did_you_mean(name, [spec.name for spec in evals])
        raise UsageError(f"the run has no eval {name!r}{near}")
    return found


def _check(wanted: Wanted) -> None:
    for state in wanted.states:
        if state not in STATES:
            raise UsageError(f"{state!r} is no state{did_you_mean(state, STATES)}")
    if wanted.form not in FORMS:
        raise UsageError(f"{wanted.form!r} is no form{did_you_mean(wanted.form, FORMS)}")
    if not 0 < wanted.part <= 1:
        raise UsageError(f"part {wanted.part:g}: give a share above 0, up to 1")
    if wanted.most is not None and wanted.most < 1:
        raise UsageError(f"at least one sample has to be wanted, not {wanted.most}")
    if AGAINST_BASE & set(wanted.states) and wanted.base in ("", wanted.model):
        raise UsageError(
            f"{', '.join(wanted.states)}: compares two models; name the other one, not "
            f"{wanted.base or 'none'}"
        )


# --- which samples -------------------------------------------------------------------


@dataclass(slots=True)
class _Sum:
    """The marks of one sample's answers."""

    total: float = 0.0
    marks: int = 0
    failed: bool = False

    @property
    def mean(self) -> float | None:
        return self.total / self.marks if self.marks else None

    def states(self, before: _Sum | None) -> Iterator[State]:
        """What this sample is, also against another model's answers to it."""
        mean = self.mean
        if mean is None:
            yield "failed" if self.failed else "unmarked"
            return
        yield "right" if mean >= 1 else "wrong" if mean <= 0 else "partly"
        if before is not None and before.mean is not None:
            yield CHANGES[before.mean >= 1, mean >= 1]


CHANGES: Mapping[tuple[bool, bool], State] = {
    (False, True): "fixed",
    (True, False): "broken",
    (False, False): "both_wrong",
    (True, True): "both_right",
}
"""By whether a sample was right before, and is now."""


def _in_state(contents: Contents, wanted: Wanted) -> Iterator[str]:
    if (wanted.eval, wanted.model) not in contents.offsets:
        models = [model for name, model in contents.offsets if name == wanted.eval]
        near = did_you_mean(wanted.model, models)
        raise UsageError(f"{wanted.model!r} answered nothing of {wanted.eval}{near}")
    states = frozenset(wanted.states)
    before: Mapping[str, _Sum] = {}
    if states & AGAINST_BASE:
        before = _sums(contents, wanted.eval, wanted.base)
    for key, sums in _sums(contents, wanted.eval, wanted.model).items():
        if not states.isdisjoint(sums.states(before.get(key))):
            yield key


def _called_wrong(contents: Contents, wanted: Wanted, reviews: Sequence[Review]) -> Iterator[str]:
    """Samples to which people call an answer wrong, whatever the grader says."""
    places = by_place(r for r in reviews if (r.eval, r.model) == (wanted.eval, wanted.model))
    for outcome in contents.outcomes(wanted.eval, wanted.model) if places else ():
        place = Place(wanted.eval, wanted.model, outcome.sample_id, outcome.repeat)
        own = [review for review in places.get(place, ()) if review.is_of(outcome)]
        if own and verdict_of_people(own) == "wrong":
            yield outcome.sample_id


def _sums(contents: Contents, eval: str, model: str) -> dict[str, _Sum]:
    found: dict[str, _Sum] = {}
    for outcome in contents.outcomes(eval, model):
        sums = found.setdefault(outcome.sample_id, _Sum())
        sums.failed |= outcome.failure is not None
        for score in outcome.scores.values():
            if score.value is not None and isfinite(score.value):
                sums.total += score.value
                sums.marks += 1
    return found


def _group(sample: Sample) -> bytes:
    """What decides whether a sample goes: a hash of its document, or of itself."""
    return blake2b((sample.cluster or sample.id).encode(), digest_size=8).digest()


# --- how they are written ------------------------------------------------------------


def _training(sample: Sample) -> Mapping[str, Any] | None:
    """A conversation that ends with the ideal answer; None without one."""
    answer = _answer(sample)
    if answer is None:
        return None
    tools = {"tools": list(sample.tools)} if sample.tools else {}
    return {"messages": [*sample.messages, answer], **tools}


def _answer(sample: Sample) -> Mapping[str, Any] | None:
    if not sample.ideal or not sample.ideal[0].strip():
        return None
    calls = text_calls(sample.ideal[0]) if sample.tools else ()
    if not calls:
        return {"role": "assistant", "content": sample.ideal[0]}
    return {
        "role": "assistant",
        "tool_calls": [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
            }
            for number, call in enumerate(calls)
        ],
    }


def _sample(sample: Sample) -> Mapping[str, Any] | None:
    if not sample.ideal:
        return None
    ideal = sample.ideal[0] if len(sample.ideal) == 1 else list(sample.ideal)
    cluster = {"cluster": sample.cluster} if sample.cluster else {}
    return {"input": list(sample.messages), "ideal": ideal, **cluster, **_tools(sample)}


def _prompt(sample: Sample) -> Mapping[str, Any]:
    return {"input": list(sample.messages), **_tools(sample)}


def _tools(sample: Sample) -> Mapping[str, Any]:
    return {"tools": list(sample.tools)} if sample.tools else {}


LINES: Mapping[Form, Callable[[Sample], Mapping[str, Any] | None]] = {
    "chat": _training,
    "eval": _sample,
    "prompts": _prompt,
}


def _raw(item: Any, place: Line) -> bytes:
    return item.strip() + b"\n" if isinstance(item, bytes) else orjson.dumps(item) + b"\n"


# --- what was copied -----------------------------------------------------------------


def note_copied(folder: RunFolder, wanted: Wanted, ids: Sequence[str], at: str) -> None:
    """Write beside the run which held-out samples were copied; ``at`` is in UTC, ISO 8601.

    Raises:
        RunFolderError: the file cannot be written.
    """
    line = {"at": at, "eval": wanted.eval, "model": wanted.model, "form": wanted.form}
    append_line(folder.copied, {**line, "states": list(wanted.states), "ids": list(ids)})


def copied_ids(folder: RunFolder, eval: str, form: Form = "chat") -> frozenset[str]:
    """The samples of an eval that were copied in this form."""
    lines = (one for one in lines_in(folder.copied) if one.get("eval") == eval)
    found = (one.get("ids") for one in lines if one.get("form") == form)
    return frozenset(str(key) for ids in found if isinstance(ids, list) for key in ids)


def copied_findings(folder: RunFolder, eval: str) -> tuple[Finding, ...]:
    """What a report says of samples that were copied into training files."""
    count = len(copied_ids(folder, eval))
    if not count:
        return ()
    return (
        Finding(
            "copied",
            "info",
            f"{count:,} of these held-out samples went into a training file since: for models "
            "tuned on it they are held out no longer, and what is left may be easier",
            {"copied": count},
        ),
    )


# --- what is meant where nothing is said ---------------------------------------------


def eval_meant(folder: RunFolder, name: str | None) -> str:
    """The eval of this name, or the only one of the run.

    Raises:
        UsageError: the run has none of this name, or several and none was named.
    """
    evals = folder.read().plan.evals
    if name is not None:
        return _spec(evals, name).name
    if len(evals) > 1:
        raise UsageError(f"name one of the evals of the run: {', '.join(e.name for e in evals)}")
    return evals[0].name


def models_meant(folder: RunFolder, eval: str, model: str | None = None) -> tuple[str, str]:
    """The base model, and the one named; else the one to use, or the only tuned one.

    Raises:
        UsageError: there are several, and no report says which one to use.
    """
    base, models = models_of(folder, eval)
    if model is not None:
        return base, model
    tuned = [one for one in models if one != base]
    advised = _advised(folder, eval)
    if advised in models:
        return base, advised
    if len(tuned) > 1:
        raise UsageError(f"name one of the models that answered {eval}: {', '.join(models)}")
    return base, (tuned or [base])[0]


def _advised(folder: RunFolder, eval: str) -> str:
    """The checkpoint to use by the run's report, "" where it names none."""
    try:
        report = orjson.loads((folder.path / "report.json").read_bytes())
        named = [one["checkpoint"] for one in report["advice"] if one["eval"] == eval]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return str(named[-1] or "") if named else ""
