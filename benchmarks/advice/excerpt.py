"""A slice of the study: a few runs made anew, and whether they look as the whole one does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.advice.collection import runs
from benchmarks.advice.courses import POOLED, Course, courses
from benchmarks.advice.figures import Figures
from benchmarks.advice.planted import Recall, recall_of
from benchmarks.advice.policies import BASELINES, Advisor
from benchmarks.advice.report import percent, points
from benchmarks.advice.results import WORK, Results
from benchmarks.advice.work import work

TASKS, FAULTY, SEEDS = 3, 1, (1, 2)
BEATEN = ("always 0", "always 3")
LEAST_NAMED = 0.75
"""So few tasks allow no more than rough promises; the whole study has the exact ones."""


def excerpt(workers: int) -> int:
    """Print a table; 1 where the slice speaks against the advice."""
    path = WORK / "slice" / "runs.jsonl"
    path.unlink(missing_ok=True)
    results = Results(path)
    work(runs(TASKS, FAULTY, SEEDS), results, workers)
    found = [c for c in courses(results, workers, len(SEEDS)) if c.study == POOLED]
    faults = recall_of(Advisor(), [c for c in found if c.fault])
    broken = list(judged([c for c in found if not c.fault], faults))
    for line in broken:
        print(f"BROKEN  {line}")
    return 1 if broken else 0


def judged(clean: Sequence[Course], faults: Sequence[Recall]) -> Iterator[str]:
    """Print every policy, and yield what is not as it should be."""
    ours = Figures.of(Advisor(), clean)
    for policy in (Advisor(), *BASELINES):
        found = Figures.of(policy, clean)
        print(
            f"{policy.name:45} regret {points(found.regret):>5} after 1 step, "
            f"{points(found.final_regret):>5} after 3 rounds; "
            f"harmful {percent(found.harmful)} of {found.moves}"
        )
        if policy.name in BEATEN and found.final_regret <= ours.final_regret:
            yield f"the advice has no lower regret than {policy.name}"
    named, tasks = sum(r.found for r in faults), sum(r.tasks for r in faults)
    print(f"planted faults named: {named} of {tasks}")
    if named < LEAST_NAMED * tasks:
        yield "; ".join(name for recall in faults for name in recall.missed)
