"""What other evaluation tools wrote, read into our nouns: their logs, results and configurations.

This room only reads: what is made of it, pipeline and cli decide. Every file may be a stranger's:
sizes are bounded, nothing is unpacked to the disk, no name in a file leads out of its folder.
"""

from harness.importing.foreign import ForeignRun
from harness.importing.places import KINDS, foreign_runs, kind_of

__all__ = ["KINDS", "ForeignRun", "foreign_runs", "kind_of"]
