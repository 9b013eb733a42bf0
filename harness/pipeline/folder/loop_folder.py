"""A loop's folder: its rounds, each a run folder."""

from __future__ import annotations

from pathlib import Path

from harness.errors import RunFolderError
from harness.pipeline.folder.runfolder import RunFolder

LOOP_FILE = "loop.yaml"
"""What marks a folder of rounds; each is a run folder beneath it."""

ROUND = "round-"


def round_folders(path: Path) -> list[Path]:
    """The finished rounds of a loop's folder, the first one first."""
    found = [p for p in path.glob(f"{ROUND}*") if p.name.removeprefix(ROUND).isdecimal()]
    ordered = sorted(found, key=lambda p: int(p.name.removeprefix(ROUND)))
    return [p for p in ordered if RunFolder(p).complete()]


def last_round(path: Path) -> Path:
    """The last finished round of a loop's folder; any other path itself.

    Raises:
        RunFolderError: no round is finished.
    """
    if not (path / LOOP_FILE).is_file():
        return path
    finished = round_folders(path)
    if not finished:
        raise RunFolderError(f"{path}: no round in it is finished; go on with --resume")
    return finished[-1]
