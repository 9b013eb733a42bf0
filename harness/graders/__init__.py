"""From a sample and a completion to a mark. A grader is a dataclass; its fields are its options."""

from harness.graders.base import Grader, Judge
from harness.graders.generation import FORMAT, GOOD, is_judged, of_repeat, probe_grader
from harness.graders.table import GRADERS, PYTHON, make_grader, needs_code, needs_judge

__all__ = [
    "FORMAT",
    "GOOD",
    "GRADERS",
    "PYTHON",
    "Grader",
    "Judge",
    "is_judged",
    "make_grader",
    "needs_code",
    "needs_judge",
    "of_repeat",
    "probe_grader",
]
