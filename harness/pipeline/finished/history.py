"""What a study knows of its earlier rounds: how long they trained, and what was advised then.

A round is a run folder. Its history is that of the round before and its own end; a changed
learning rate, batch size, other setting or training file begins a new history.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import RunFolderError
from harness.pipeline.finished.folder_report import report_of
from harness.pipeline.finished.rounds import rounds_in
from harness.pipeline.folder.loop_folder import last_round
from harness.pipeline.folder.manifest import portable
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Experiment, Finding, Round, Study

NOTICE = "earlier rounds"


def rounds_after(path: Path) -> tuple[Round, ...]:
    """The rounds that lead to a run folder, and that one; of a loop's folder its last round's.

    Raises:
        RunFolderError: there is no finished run.
    """
    folder = last_round(path)
    if not RunFolder(folder).complete():
        raise RunFolderError(
            f"{folder}: holds no finished run of a study; name the run folder of the round before"
        )
    manifest = RunFolder(folder).read()
    return (*manifest.plan.after, *rounds_in(folder, manifest, report_of(folder)))


def history(
    path: Path, study: Study, files: Mapping[str, str]
) -> tuple[tuple[Round, ...], list[tuple[str, Finding]]]:
    """The earlier rounds that count for a study, and what to say of those that do not.

    ``files`` are the hashes of the study's training files as a plan names them.

    Raises:
        RunFolderError: there is no finished run.
    """
    rounds, notices = rounds_after(path), []
    before = RunFolder(last_round(path)).read()
    known = {experiment.name: experiment for experiment in before.study.experiments}
    kept: list[Round] = []
    for experiment in study.experiments:
        theirs = [one for one in rounds if one.experiment == experiment.name]
        changed = (
            changes(known[experiment.name], experiment, before.plan.files, files)
            if experiment.name in known
            else ["the experiment is new"]
        )
        if not changed:
            kept += theirs
        elif theirs:
            text = f"earlier rounds do not count, advice begins anew: {'; '.join(changed)}"
            notices.append((experiment.name, Finding(NOTICE, "warn", text)))
    if rounds and not kept and not notices:
        raise RunFolderError(
            f"{path}: holds no round of {', '.join(e.name for e in study.experiments)}, only of "
            f"{', '.join(dict.fromkeys(one.experiment for one in rounds))}"
        )
    return tuple(sorted(kept, key=lambda one: one.number)), notices


def changes(
    then: Experiment, now: Experiment, files_then: Mapping[str, str], files_now: Mapping[str, str]
) -> list[str]:
    """What makes an earlier round's advice no advice for this one."""
    old, new = _settings(then), _settings(now)
    found = [
        f"{name} was {old.get(name, 'unset')}, is {new.get(name, 'unset')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    if _digest(then, files_then) != _digest(now, files_now):
        found.append("the training data have changed")
    return found


def _settings(experiment: Experiment) -> dict[str, str | float]:
    """Whatever was set, by names that people read."""
    tuning = experiment.tuning
    own = {
        "batch size": tuning.batch_size if tuning else None,
        "learning rate multiplier": tuning.learning_rate_multiplier if tuning else None,
    }
    known = {name: value for name, value in own.items() if value is not None}
    return {**known, **experiment.settings}


def _digest(experiment: Experiment, files: Mapping[str, str]) -> str | None:
    data = experiment.training_data
    return files.get(portable(data)) if data is not None else None


def training_hashes(study: Study) -> dict[str, str]:
    """Hashes of a study's training files, as a plan names them."""
    from harness.datasets import file_hash

    data = (experiment.training_data for experiment in study.experiments)
    return {portable(path): file_hash(path) for path in data if path is not None}
