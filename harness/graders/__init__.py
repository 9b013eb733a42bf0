"""From a sample and a completion to a mark. A grader is a dataclass; its fields are its options."""

from harness.graders.base import Grader, Judge
from harness.graders.extraction import FieldScores, field_scores
from harness.graders.table import GRADERS, PYTHON, make_grader, needs_code, needs_judge

__all__ = [
    "GRADERS",
    "PYTHON",
    "FieldScores",
    "Grader",
    "Judge",
    "field_scores",
    "make_grader",
    "needs_code",
    "needs_judge",
]
