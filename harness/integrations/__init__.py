"""At home in other people's tools: callbacks of trainers. They call the Python API.

This room owns no judgement: it brings a foreign protocol and ``harness.api`` together.
"""

from harness.integrations.epoch_evaluation import EpochEvaluation

__all__ = ["EpochEvaluation"]
