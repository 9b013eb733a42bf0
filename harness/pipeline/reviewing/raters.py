"""Who agrees with whom on a run's answers: people, the grader or judge, and other judges.

People's reviews are few, so they are held; marks of two runs are compared as they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from harness.analysis.agreement import Agreement, agreement
from harness.graders import needs_judge
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.orders.names import eval_of
from harness.pipeline.reviewing.reviews import (
    Place,
    Review,
    Verdict,
    answer_hash,
    by_place,
    verdict_of,
)
from harness.pipeline.reviewing.reviews import verdict_of_people as people_say
from harness.records import EvalSpec, Finding, Outcome, Task
from harness.running.journal import Contents

PEOPLE = "people"
FEWEST = 20
"""Answers that both raters have marked, from which on agreement is judged."""

TRUSTED = 0.6
"""The kappa that a rater has to reach to be trusted: "substantial" of Landis and Koch 1977."""

MOST_SHOWN = 200

Lookup = Callable[[Place], Outcome | None]
"""Finds the answer that counts now at a place."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One answer that two raters have marked."""

    place: Place
    first: Verdict
    second: Verdict
    drawn: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Reviews that cannot be compared: nobody is sure or people are split, the answer was
    replaced since, or the grader gave it no mark."""

    unsure: int = 0
    stale: int = 0
    unmarked: int = 0


@dataclass(frozen=True, slots=True)
class Raters:
    """Two raters on one eval. ``found`` is None where no answer has a mark of both.

    ``is_drawn`` says that all answers compared were drawn at random: of picked ones kappa says
    nothing about the eval. ``advice`` is what to make of it, in a sentence.
    """

    eval: str
    first: str
    second: str
    found: Agreement | None
    disagreements: tuple[Marked, ...] = ()
    left_out: LeftOut = LeftOut()
    is_drawn: bool = False
    advice: str = ""

    @property
    def n(self) -> int:
        """How many answers both have marked."""
        return self.found.n if self.found else 0

    def count(self, first: str, second: str) -> int:
        """How often they said so."""
        return self.found.count(first, second) if self.found else 0

    @property
    def is_poor(self) -> bool:
        """Do they clearly agree too little to trust?"""
        kappa = self.found.kappa if self.found else None
        return kappa is not None and self.n >= FEWEST and kappa.high < TRUSTED

    @property
    def is_good(self) -> bool:
        """Do they clearly agree enough to trust?"""
        kappa = self.found.kappa if self.found else None
        return kappa is not None and self.n >= FEWEST and kappa.low >= TRUSTED


def lookup_in(answers: Mapping[tuple[str, str], Answers]) -> Lookup:
    """Finds answers in the tables of a journal."""

    def look(place: Place) -> Outcome | None:
        table = answers.get((place.eval, place.model))
        places = table.places_of(place.sample_id) if table else ()
        outcomes = (table.outcome_at(at) for at in places) if table else ()
        return next((one for one in outcomes if one.repeat == place.repeat), None)

    return look


# --- people --------------------------------------------------------------------------


def raters_of(manifest: Manifest, reviews: Sequence[Review], lookup: Lookup) -> Iterator[Raters]:
    """People against the grader, and each other, on every eval that has reviews."""
    specs = {spec.name: spec for spec in manifest.plan.evals}
    for name in dict.fromkeys(review.eval for review in reviews):
        spec = specs.get(eval_of(name))
        if spec is not None:
            own = [review for review in reviews if review.eval == name]
            yield from raters_on(spec, name, own, lookup)


def raters_on(
    spec: EvalSpec, name: str, reviews: Sequence[Review], lookup: Lookup
) -> Iterator[Raters]:
    """People against the grader of one eval, then each pair of reviewers."""
    places = by_place(reviews)
    outcomes = {place: lookup(place) for place in places}
    yield _against_grader(spec, name, places, outcomes)
    for first, second in combinations(sorted({review.reviewer for review in reviews}), 2):
        pairs = _pairs(places, outcomes, first, second)
        if pairs:
            yield _told(name, (first, second), pairs, LeftOut())


def machine_of(spec: EvalSpec) -> str:
    """What marks an eval's answers."""
    return "judge" if needs_judge(spec) else "grader"


def _against_grader(
    spec: EvalSpec,
    name: str,
    places: Mapping[Place, Sequence[Review]],
    outcomes: Mapping[Place, Outcome | None],
) -> Raters:
    pairs: list[Marked] = []
    unsure = stale = unmarked = 0
    for place, reviews in places.items():
        outcome = outcomes[place]
        current = [r for r in reviews if outcome is not None and r.is_of(outcome)]
        stale += len(reviews) - len(current)
        if outcome is None or not current:
            continue
        said, mark = people_say(current), verdict_of(outcome, spec.task)
        if said == "unsure":
            unsure += 1
        elif mark is None:
            unmarked += 1
        else:
            note = next((r.note for r in current if r.note), "")
            pairs.append(Marked(place, said, mark, any(r.drawn for r in current), note))
    return _told(name, (PEOPLE, machine_of(spec)), pairs, LeftOut(unsure, stale, unmarked))


def _pairs(
    places: Mapping[Place, Sequence[Review]],
    outcomes: Mapping[Place, Outcome | None],
    first: str,
    second: str,
) -> list[Marked]:
    """The answers that two people were both sure of."""
    found = []
    for place, reviews in places.items():
        outcome = outcomes[place]
        current = {r.reviewer: r for r in reviews if outcome is not None and r.is_of(outcome)}
        one, other = current.get(first), current.get(second)
        if one is None or other is None:
            continue
        if one.opinion != "unsure" and other.opinion != "unsure":
            note = " / ".join(filter(None, (one.note, other.note)))
            found.append(Marked(place, one.opinion, other.opinion, one.drawn and other.drawn, note))
    return found


# --- two judges ----------------------------------------------------------------------


@dataclass(slots=True)
class _Marks:
    """The marks of one run by a hash of the answer they are of."""

    by_answer: dict[int, Verdict] = field(default_factory=dict)

    def add(self, outcome: Outcome, task: Task) -> None:
        mark = verdict_of(outcome, task)
        if mark is not None:
            self.by_answer[_identity(outcome)] = mark


def between_runs(one: RunFolder, other: RunFolder, names: tuple[str, str]) -> Iterator[Raters]:
    """The marks of two runs on the answers that both hold, eval by eval.

    Such runs are a run and its regraded copy, or two with other judges on answers of one cache.
    ``names`` is what each run's marks are called. A number is held for each answer.

    Raises:
        RunFolderError: a folder that holds no run.
    """
    first, second = Contents.of(one.journal), Contents.of(other.journal)
    tasks = {spec.name: spec.task for spec in one.read().plan.evals}
    for name in dict.fromkeys(asked for asked, _ in first.offsets):
        task = tasks.get(eval_of(name), "one-answer")
        pairs = list(_shared(first, second, name, task))
        if pairs:
            yield _told(name, names, pairs, LeftOut())


def _shared(first: Contents, second: Contents, name: str, task: Task) -> Iterator[Marked]:
    for model in [model for asked, model in first.offsets if asked == name]:
        theirs = _Marks()
        for outcome in second.outcomes(name, model):
            theirs.add(outcome, task)
        for outcome in first.outcomes(name, model) if theirs.by_answer else ():
            mark, other = verdict_of(outcome, task), theirs.by_answer.get(_identity(outcome))
            if mark is not None and other is not None:
                place = Place(name, model, outcome.sample_id, outcome.repeat)
                yield Marked(place, mark, other, drawn=True)


def _identity(outcome: Outcome) -> int:
    return hash((outcome.sample_id, outcome.repeat, outcome.request_key, answer_hash(outcome)))


# --- what to make of it --------------------------------------------------------------


def _told(name: str, raters: tuple[str, str], pairs: Sequence[Marked], left_out: LeftOut) -> Raters:
    """Agreement on the answers that were drawn, where these are enough; else on all."""
    drawn = [pair for pair in pairs if pair.drawn]
    used = drawn if len(drawn) >= FEWEST else pairs
    found = agreement((pair.first, pair.second) for pair in used) if used else None
    apart = tuple(pair for pair in pairs if pair.first != pair.second)[:MOST_SHOWN]
    is_drawn = bool(used) and all(pair.drawn for pair in used)
    told = Raters(name, *raters, found, apart, left_out, is_drawn)
    return replace(told, advice=advice_on(told))


def advice_on(raters: Raters) -> str:
    """What the agreement of two raters means, and what to do about it."""
    found, n = raters.found, raters.n
    if found is None or n < FEWEST:
        return (
            f"not enough answers to tell: {n} of at least {FEWEST} are marked by "
            f"{raters.first} and {_the(raters.second)}"
        )
    if found.kappa is None:
        mark = next(iter(found.counts))[0]
        return (
            f"both call all {n} answers {mark}, which says nothing about how they tell right from "
            "wrong; review answers of another model too"
        )
    agreed = f"{raters.first} and {_the(raters.second)} agree on {_of(raters)}"
    numbers = f"kappa {found.kappa.value:.2f}, {found.kappa.low:.2f} to {found.kappa.high:.2f}"
    picked = "" if raters.is_drawn else "; answers were picked, not drawn: draw some to be sure"
    return f"{agreed} ({numbers}): {_meaning(raters)}{picked}"


def _of(raters: Raters) -> str:
    same = raters.count("right", "right") + raters.count("wrong", "wrong")
    return f"{same} of {raters.n} answers"


def _meaning(raters: Raters) -> str:
    if raters.is_good:
        return f"{_the(raters.second)} can stand in for {raters.first}"
    doubt = "too little to trust it" if raters.is_poor else "may be enough or not, review more"
    return f"{doubt}{_where(raters)}"


def _where(raters: Raters) -> str:
    """On which side they part, the larger one."""
    harsh, lenient = raters.count("right", "wrong"), raters.count("wrong", "right")
    if not harsh + lenient:
        return ""
    mark, count = ("wrong", harsh) if harsh >= lenient else ("right", lenient)
    own = sum(raters.count(other, mark) for other in ("right", "wrong"))
    opposite = "right" if mark == "wrong" else "wrong"
    return (
        f"; {_the(raters.second)} calls {own} answers {mark}, {count} of which {raters.first} "
        f"{'call' if raters.first == PEOPLE else 'calls'} {opposite}: look at these first"
        f"{_repair(raters)}"
    )


def _repair(raters: Raters) -> str:
    if raters.first != PEOPLE:
        return ", and agree on when an answer is right"
    what = "rubric" if raters.second == "judge" else "grader or the ideals"
    return f", then mend the {what} and run harness regrade"


def _the(rater: str) -> str:
    return f"the {rater}" if rater in ("grader", "judge") else rater


def findings(raters: Iterable[Raters]) -> Iterator[Finding]:
    """What a report says of reviews: a warning where a grader is clearly not to be trusted."""
    for one in raters:
        if not one.n and not one.left_out.stale:
            continue
        kappa = one.found.kappa if one.found else None
        yield Finding(
            "agreement",
            "warn" if one.is_poor else "info",
            f"reviews: {one.advice}",
            {
                "raters": [one.first, one.second],
                "n": one.n,
                "agreed": one.found.share.value if one.found else None,
                "kappa": kappa.value if kappa else None,
                "low": kappa.low if kappa else None,
                "high": kappa.high if kappa else None,
                "drawn": one.is_drawn,
                "stale": one.left_out.stale,
            },
        )
