"""The report of a loop's folder, from its finished rounds: nothing is run and nobody is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.analysis.cost import PriceTable, total
from harness.errors import RunFolderError
from harness.pipeline.finished.folder_report import report_of
from harness.pipeline.folder import manifest as manifests
from harness.pipeline.folder.loop_folder import LOOP_FILE, round_folders
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.looping.budget import round_cost
from harness.records import Finding, Round
from harness.reports.document import Document, Section

STOPPED = "why the loop stopped"
"""The rule of the findings that say why an experiment needs no further round."""


def report_of_loop(path: Path, prices: Sequence[PriceTable] | None = None) -> Document:
    """All finished rounds in one report: their table, and each experiment as it stands last.

    Why a loop stopped, and what each round cost, is taken over from the report that it wrote;
    a round that is not in it is priced anew.

    Raises:
        RunFolderError: no round is finished, or one cannot be read.
    """
    folders = round_folders(path)
    if not folders:
        raise RunFolderError(f"{path}: no round in it is finished; go on with --resume")
    documents = {folder: report_of(folder, prices=prices) for folder in folders}
    told = _told_before(path / "report.json")
    costs = {f.name: _cost(f, document, told, prices) for f, document in documents.items()}
    latest, shown = documents[folders[-1]], manifests.read(path / LOOP_FILE)
    return replace(
        latest,
        title=title(shown.study.name),
        description=shown.study.description,
        sections=tuple(_last_sections(documents)),
        rounds=tuple(_priced(_rounds(documents), costs)),
        findings=(*latest.findings, *_stops(told)),
        provenance=replace(
            latest.provenance,
            command=shown.command,
            study_hash=shown.hash,
            cost_usd=total(costs.values()),
        ),
        performance=None,
    )


def title(study: str) -> str:
    """What the report of a loop is called."""
    return f"{study}, in rounds"


def sections_of(name: str, manifest: Manifest, document: Document) -> Iterator[Section]:
    """Those sections of a round's report that belong to one experiment."""
    places = (
        experiment.name
        for experiment in manifest.study.experiments
        for spec in manifest.plan.evals
        if spec.name in (*experiment.evals, *experiment.forgetting)
    )
    yield from (s for place, s in zip(places, document.sections, strict=True) if place == name)


def _last_sections(documents: Mapping[Path, Document]) -> Iterator[Section]:
    """Experiments leave the rounds when they stop: each as its own last round has it."""
    held = {folder: RunFolder(folder).read() for folder in documents}
    last = {
        experiment.name: folder
        for folder, manifest in held.items()
        for experiment in manifest.study.experiments
    }
    for name, folder in last.items():
        yield from sections_of(name, held[folder], documents[folder])


def _rounds(documents: Mapping[Path, Document]) -> tuple[Round, ...]:
    """Every round once, an experiment's together."""
    found = {
        (one.experiment, one.eval, one.number): replace(one, folder=one.folder or folder.name)
        for folder, document in documents.items()
        for one in document.rounds
    }
    names = list(dict.fromkeys(experiment for experiment, _, _ in found))
    return tuple(sorted(found.values(), key=lambda one: (names.index(one.experiment), one.number)))


def _told_before(path: Path) -> Mapping[str, Any]:
    """The report that the loop wrote; empty where there is none, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _rows(told: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = told.get(name)
    yield from (one for one in (found if isinstance(found, list) else []) if isinstance(one, dict))


def _stops(told: Mapping[str, Any]) -> Iterator[Finding]:
    for one in _rows(told, "findings"):
        if one.get("rule") == STOPPED:
            yield Finding(STOPPED, "info", str(one.get("message", "")), one.get("evidence") or {})


def _cost(
    folder: Path, document: Document, told: Mapping[str, Any], prices: Sequence[PriceTable] | None
) -> float | None:
    """What a round cost in all: as the loop noted it, else by today's prices."""
    noted = [
        one.get("cost_usd") for one in _rows(told, "rounds") if one.get("folder") == folder.name
    ]
    known = [cost for cost in noted if isinstance(cost, int | float)]
    return max(known) if known else round_cost(RunFolder(folder), document, prices)


def _priced(rounds: Sequence[Round], costs: Mapping[str, float | None]) -> Iterator[Round]:
    """Rounds with what they cost; a checkpoint that existed already cost nothing to look at."""
    for one in rounds:
        yield replace(one, cost_usd=costs.get(one.folder) if one.trained else 0.0)
