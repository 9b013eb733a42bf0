"""What a study knows of its earlier rounds: how long they trained, and what was advised then.

A round is a run folder. Its history is that of the round before and its own end; a changed
learning rate, batch size, other setting or training file begins a new history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from harness.analysis.cost import total
from harness.errors import RunFolderError
from harness.pipeline.folder_report import report_of
from harness.pipeline.manifest import Manifest, portable
from harness.pipeline.runfolder import RunFolder
from harness.pipeline.tuning import read_tuning
from harness.pipeline.variety_panels import RATIO_TITLE
from harness.records import Advice, Estimate, Experiment, Finding, Round, Study
from harness.reports import verdicts
from harness.reports.document import Document, Section

LOOP_FILE = "loop.yaml"
"""What marks a folder of rounds; each is a run folder beneath it."""

ROUND = "round-"
NOTICE = "earlier rounds"


# --- reading -------------------------------------------------------------------------


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


def rounds_in(folder: Path, manifest: Manifest, document: Document) -> Iterator[Round]:
    """What a run came to: a round for each eval that chooses epochs."""
    number = 1 + max((one.number for one in manifest.plan.after), default=0)
    for experiment, section in chosen_by(manifest, document):
        advice = verdicts.leading(section.advice)
        if advice is not None:
            tokens = tokens_trained(RunFolder(folder), experiment.name)
            yield row(section, advice, replace(_blank(experiment), number=number, tokens=tokens))


def _blank(experiment: Experiment) -> Round:
    nothing = Advice("", "", 0, 0, "", 0, "", "low", (), "")
    return Round(0, experiment.name, "", 0, nothing)


def chosen_by(manifest: Manifest, document: Document) -> Iterator[tuple[Experiment, Section]]:
    """Each experiment with the sections of its evals that choose epochs, in the report's order."""
    places = (
        (experiment, spec.name)
        for experiment in manifest.study.experiments
        for spec in manifest.plan.evals
        if spec.name in (*experiment.evals, *experiment.forgetting)
    )
    for (experiment, name), section in zip(places, document.sections, strict=True):
        if name in experiment.evals:
            yield experiment, section


def row(section: Section, advice: Advice, about: Round) -> Round:
    """A round as a table shows it: the state that the advice is about."""
    return replace(
        about,
        eval=section.eval,
        epochs=advice.epochs,
        advice=replace(advice, evidence=advice.evidence[:1], dissent=()),
        score=measured(section, 0, advice.epochs),
        diversity=measured(section, RATIO_TITLE, advice.epochs),
    )


def measured(section: Section, panel: str | int, epochs: float) -> Estimate | None:
    """The value of a chart's first line after so many epochs; charts by title or place."""
    charts = [
        chart
        for place, chart in enumerate(section.panels)
        if panel in (place, chart.title) and chart.series
    ]
    points = charts[0].series[0].points if charts else ()
    return next((point.estimate for point in points if point.epoch == epochs), None)


def tokens_trained(folder: RunFolder, experiment: str) -> int | None:
    """What the jobs of an experiment trained in this folder; None where one does not say."""
    runs = [run for run in read_tuning(folder.tuning) if run.experiment == experiment]
    known = total(run.trained_tokens for run in runs)
    return None if known is None or not runs else int(known)


# --- where a history ends ------------------------------------------------------------


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
