"""Files of a run that may be taken away: those of a fixed list, and logs that are there."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from harness.viewer.runs import Run

OFFERED = {
    "report.html": "the report as one page, to send or keep",
    "report.md": "the report for a pull request",
    "report.json": "the report for programs",
    "junit.xml": "the gate's checks for CI",
    "samples.csv": "every answer as a table",
    "samples.parquet": "every answer as a table",
    "samples.jsonl": "every answer, one a line",
    "metrics.csv": "every metric as a table",
    "metrics.parquet": "every metric as a table",
    "metrics.jsonl": "every metric, one a line",
    "journal.jsonl": "every answer as it came: the truth",
    "study.yaml": "what was asked, with versions and hashes",
    "tuning.jsonl": "tuning jobs, their checkpoints and losses",
    "timing.jsonl": "how long asking took",
    "reviews.jsonl": "what people said of the answers",
}
LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Download:
    """A file: its name in the run, where it is, its size in bytes, and what it is."""

    name: str
    path: Path
    size: int
    about: str


def files_of(run: Run) -> list[Download]:
    """The files of the list that are there."""
    found = (_download(name, run.path / name, about) for name, about in OFFERED.items())
    return [one for one in found if one]


def logs_of(run: Run) -> list[Download]:
    """The logs in the format of OpenAI evals; none where their folder is a link."""
    folder = run.path / LOGS
    if folder.is_symlink():
        return []
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))
    except OSError:
        return []
    found = (_download(f"{LOGS}/{name}", folder / name, "") for name in names)
    return [one for one in found if one]


def wanted(run: Run, name: str) -> Download | None:
    """The file of this name, looked up among those that are offered; never joined to a path."""
    return next((one for one in (*files_of(run), *logs_of(run)) if one.name == name), None)


def _download(name: str, path: Path, about: str) -> Download | None:
    """A file as it lies there; links may lead anywhere, and are none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return Download(name, path, found.st_size, about) if stat.S_ISREG(found.st_mode) else None
