"""What the list says of a run: what was asked, when, how far it came, what it showed.

Files are read again when they have changed, so that a list of many runs costs a look at each.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from harness.errors import HarnessError
from harness.pipeline.folder.loop_folder import LOOP_FILE, ROUND
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.reporting.documents import title_of
from harness.running.journal import is_being_written
from harness.viewer.expected import UNKNOWN, Expected, expected
from harness.viewer.headlines import Told, told_by
from harness.viewer.runs import Run
from harness.viewer.tails import Tails

StateKind = Literal["finished", "running", "interrupted", "broken"]
Stamp = tuple[int, int] | None

STATE_WORDS: dict[StateKind, str] = {
    "finished": "finished",
    "running": "under way",
    "interrupted": "interrupted",
    "broken": "broken",
}


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is: which ``share`` of its answers came, where that is known.

    ``why`` says what is broken, or with which command to go on.
    """

    kind: StateKind
    share: float | None = None
    why: str = ""

    @property
    def words(self) -> str:
        """'under way'."""
        return STATE_WORDS[self.kind]


@dataclass(frozen=True)
class About:
    """What a run's plan and report say; each None where it cannot be read or is not there yet."""

    run: Run
    manifest: Manifest | None
    told: Told | None
    problem: str
    begun: float
    ended: float | None

    @cached_property
    def title(self) -> str:
        """The study's name; of a run without one what it measured."""
        if self.manifest is None:
            return self.told.title if self.told else self.run.name
        return title_of(self.manifest.study, self.evals)

    @cached_property
    def evals(self) -> tuple[str, ...]:
        """The evals that were asked."""
        if self.manifest is not None:
            return tuple(spec.name for spec in self.manifest.plan.evals)
        return tuple(one.eval for one in self.told.headlines) if self.told else ()

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The models that were asked, the base first."""
        named: list[str] = []
        if self.manifest is not None:
            named.append(self.manifest.study.base)
            for one in self.manifest.study.experiments:
                named += [*(c.model for c in one.tuned), *one.others]
        return tuple(dict.fromkeys([*named, *(self.told.models if self.told else ())]))

    @property
    def base(self) -> str:
        """The base model; "" where nobody knows what was asked."""
        return self.manifest.study.base if self.manifest else ""

    @cached_property
    def description(self) -> str:
        """What the study says of itself."""
        return self.manifest.study.description if self.manifest else ""

    @cached_property
    def loop(self) -> Path | None:
        """The folder of the loop that this is a round of."""
        parent = self.run.path.parent
        return parent if self.round is not None and (parent / LOOP_FILE).is_file() else None

    @cached_property
    def round(self) -> int | None:
        """Which round of tuning it is, by its plan or its folder's name."""
        if self.manifest is not None and self.manifest.plan.after:
            return 1 + max(one.number for one in self.manifest.plan.after)
        found = re.fullmatch(rf"{ROUND}(\d{{1,6}})", self.run.path.name)
        return int(found[1]) if found else None

    @cached_property
    def words(self) -> str:
        """All that a search looks through."""
        named = (self.title, self.run.name, self.description, *self.evals, *self.models)
        return "\n".join(named).lower()


@dataclass(frozen=True, slots=True)
class Summary:
    """A run as it is now."""

    about: About
    state: State

    @property
    def run(self) -> Run:
        """The run itself."""
        return self.about.run


class Summaries:
    """What is known of every run, by its folder."""

    def __init__(self, tails: Tails) -> None:
        self._tails = tails
        self._about: dict[Path, tuple[tuple[Stamp, ...], About]] = {}
        self._expected: dict[Path, tuple[tuple[Stamp, ...], Expected]] = {}
        self._stopped: dict[Path, tuple[tuple[Stamp, ...], State]] = {}

    def of(self, run: Run) -> Summary:
        """A run's summary, from what has changed since the last look."""
        about = self.about(run)
        return Summary(about, self._state(about))

    def about(self, run: Run) -> About:
        """What its plan and report say."""
        folder = run.folder
        stamps = (_stamp(folder.manifest), _stamp(run.path / "report.json"))
        known = self._about.get(run.path)
        if known is not None and known[0] == stamps and known[1].run.slug == run.slug:
            return known[1]
        about = _about(run, stamps)
        self._about[run.path] = (stamps, about)
        return about

    def stamp(self, path: Path) -> Stamp:
        """What changes when a file does; None where there is none."""
        return _stamp(path)

    def expected(self, about: About) -> Expected:
        """How many answers it owes."""
        if about.manifest is None:
            return UNKNOWN
        folder = about.run.folder
        stamps = (_stamp(folder.manifest), _stamp(folder.tuning))
        known = self._expected.get(folder.path)
        if known is not None and known[0] == stamps:
            return known[1]
        found = expected(folder, about.manifest)
        self._expected[folder.path] = (stamps, found)
        return found

    def _state(self, about: About) -> State:
        folder = about.run.folder
        journal = _stamp(folder.journal)
        report = _stamp(folder.path / "report.json")
        is_newer = journal is not None and (report is None or journal[0] > report[0])
        if is_newer and is_being_written(folder.journal):
            return State("running", self._share(about, most=0.99))
        if about.problem:
            return State("broken", why=about.problem)
        if report is not None:
            return State("finished")
        stamps = (journal, _stamp(folder.manifest), _stamp(folder.tuning))
        known = self._stopped.get(folder.path)
        if known is not None and known[0] == stamps:
            return known[1]
        share = self._share(about)
        state = State("interrupted", share, _resumed(about, is_whole=share == 1))
        self._stopped[folder.path] = (stamps, state)
        return state

    def _share(self, about: About, most: float = 1.0) -> float | None:
        """The share of answers that came or failed."""
        owed = self.expected(about).total
        if owed is None:
            return None
        return min(most, self._tails.of(about.run.folder.journal).read().settled / owed)


def _about(run: Run, stamps: tuple[Stamp, ...]) -> About:
    plan, report = stamps
    manifest, told, problems = None, None, []
    if plan is None:
        problems.append("there is no study.yaml in it: nobody knows what was asked")
    else:
        try:
            manifest = run.folder.read()
        except HarnessError as error:
            problems.append(str(error))
    if report is not None:
        try:
            told = told_by(run.path / "report.json")
        except HarnessError as error:
            problems.append(str(error))
    begun = (plan or report or (0, 0))[0] / 1e9
    return About(
        run, manifest, told, "; ".join(problems), begun, report[0] / 1e9 if report else None
    )


def _stamp(path: Path) -> Stamp:
    """What changes when a file does; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _resumed(about: About, *, is_whole: bool) -> str:
    """The command that goes on with it; where only the report is missing, that writes it."""
    if about.manifest is None:
        return ""
    if is_whole:
        return f"harness report {shlex.quote(str(about.run.path))}"
    command = about.manifest.command
    out = "" if "--out" in command else f" --out {shlex.quote(str(about.run.path))}"
    return f"{command}{out}" + ("" if "--resume" in command else " --resume")
