"""Courses: what the advisor knew of a task after each epoch count, and what was true.

Evidence is made by the code of a study (`pipeline.judging.judgement`). It takes seconds for a
task, and thresholds of the decision table do not enter it, so it is kept beside the runs until the
runs or the code that made it change.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean

import harness
from benchmarks.advice.collection import SEEDS, digest, names, task
from benchmarks.advice.oracle import Truth
from benchmarks.advice.results import Results
from benchmarks.advice.tasks import Half
from benchmarks.advice.tracks import track_of
from benchmarks.advice.tuning import Run
from harness.analysis.advice import Candidate
from harness.analysis.evidence import Evidence
from harness.pipeline.judging.judgement import candidates, evidence_after, variety_of
from harness.pipeline.measuring.track import Track

POOLED = "all seeds"


@dataclass(frozen=True, eq=False)
class Course:
    """One study of one task. Tuples count from epoch 1; ``heldout`` from the base model.

    ``study`` is `POOLED`, or the one seed that a study had.
    """

    task: str
    family: str
    fault: str
    half: Half
    n_train: int
    study: str
    truth: Truth
    evidence: tuple[Evidence, ...]
    candidates: tuple[tuple[Candidate, ...], ...]
    heldout: tuple[float, ...]

    @property
    def last(self) -> int:
        """The most epochs that were trained."""
        return len(self.evidence)

    def after(self, epochs: int) -> Evidence:
        """What is known after so many epochs."""
        return self.evidence[epochs - 1]


def courses(results: Results, workers: int, seeds: int = len(SEEDS)) -> list[Course]:
    """The courses of every task whose runs are all there, in order of their names."""
    by_task: dict[str, list[Run]] = {}
    studied = set(names())
    for run in results:
        if run.task in studied:
            by_task.setdefault(run.task, []).append(run)
    whole = sorted(name for name, runs in by_task.items() if len(runs) >= seeds)
    keep = partial(kept, results.path.parent / "courses")
    with ProcessPoolExecutor(max_workers=workers) as pool:
        made = pool.map(keep, [sorted(by_task[n], key=lambda r: r.seed) for n in whole])
        return [course for group in shown(made, len(whole)) for course in group]


def shown(groups: Iterable[list[Course]], total: int) -> Iterator[list[Course]]:
    """The same, with a line of progress."""
    for number, group in enumerate(groups, 1):
        end = "\n" if number == total else ""
        sys.stderr.write(f"\r\033[Kevidence of {number} of {total} tasks{end}")
        sys.stderr.flush()
        yield group


def kept(folder: Path, runs: Sequence[Run]) -> list[Course]:
    """A task's courses, read where they have been made before."""
    name = runs[0].task
    path = folder / f"{name}-{key(runs)}.pickle"
    if path.exists():
        found: list[Course] = pickle.loads(path.read_bytes())
        return found
    made = list(courses_of(runs))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}-*.pickle"):
        old.unlink()
    path.write_bytes(pickle.dumps(made))
    return made


def key(runs: Iterable[Run]) -> str:
    """What courses depend on: the task, its runs, and the code that reads them."""
    runs = list(runs)
    parts = [digest(runs[0].task), *(f"{run.seed} {run.cpu_s}" for run in runs), CODE]
    return hashlib.blake2b(" ".join(parts).encode(), digest_size=6).hexdigest()


def code() -> str:
    """A hash of the files that make evidence and truth."""
    house, here = Path(harness.__file__).parent, Path(__file__).parent
    names = ("judgement", "track", "measurement", "variety", "causes", "linting")
    files = [one for name in names for one in sorted((house / "pipeline").rglob(f"{name}.py"))]
    files += [house / "analysis" / "evidence.py", *sorted((house / "linting").glob("*.py"))]
    files += [here / f"{name}.py" for name in ("oracle", "courses", "tracks", "lints")]
    found = hashlib.blake2b(digest_size=6)
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()


CODE = code()
"""Taken when the code is loaded: files may change while a long study runs."""


def courses_of(runs: Sequence[Run]) -> Iterator[Course]:
    """The course of all seeds together and, where epochs can help, of the first alone."""
    track = track_of(task(runs[0].task), runs)
    yield course(POOLED, track, Truth.of(runs))
    seed = runs[0].seed
    if not task(runs[0].task).fault:
        yield course(f"seed {seed}", track.only(seed), Truth.of(runs[:1]))


def course(study: str, track: Track, truth: Truth) -> Course:
    """What a study of this track knows after each epoch count."""
    made, variety = task(track.experiment.name), variety_of(track, describes=False)
    epochs = range(1, made.epochs + 1)
    return Course(
        task=made.name,
        family=made.family,
        fault=made.fault,
        half=made.half,
        n_train=len(made.train),
        study=study,
        truth=truth,
        evidence=tuple(evidence_after(track, e, variety) for e in epochs),
        candidates=tuple(candidates(track, e, variety) for e in epochs),
        heldout=tuple(mean(track.scores(e).values()) for e in range(made.epochs + 1)),
    )
