"""A run folder told: its tracks, read back, become a Document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.cost import PriceTable
from harness.pipeline.finished.read_back import tracks_with
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.folder.timing import first_answer_s
from harness.pipeline.measuring.looked_at import looked_at
from harness.pipeline.measuring.semantics import Semantics, kept_in, told
from harness.pipeline.measuring.spending import Payers, performance, whole_cost_usd
from harness.pipeline.measuring.track import Track
from harness.pipeline.measuring.training_cost import priced
from harness.pipeline.questions.looks import last_look
from harness.pipeline.reporting.documents import provenance, section, title_of
from harness.pipeline.reporting.examples import samples_read
from harness.records import Finding, Gate, Policy
from harness.registry.prices import load_prices
from harness.reports.document import Document, Section
from harness.running.journal import run_of

if TYPE_CHECKING:
    from harness.pipeline.measuring.embedding import Embedder


EDITED = "study changed since"
"""The rule of the finding that says that a report may be about another run."""


def report_of(
    path: Path,
    notes: Sequence[str] = (),
    prices: Sequence[PriceTable] | None = None,
    embedder: Embedder | None = None,
) -> Document:
    """Everything that a run folder can say, as a Document.

    ``prices`` are tables of what models cost, the one that counts first; None: our own. What
    embeddings say is read from the folder; an ``embedder`` measures what is missing there, and
    where it fails the report has none of it and says so.

    Raises:
        RunFolderError: no run folder, or its data files have changed since.
    """
    folder = RunFolder(path)
    manifest = folder.read()

    def tell(semantics: Semantics | None) -> Document:
        return _document(folder, manifest, semantics, notes, prices)

    if embedder is None:
        return tell(kept_in(folder.embeddings))
    return told(tell, embedder, folder)


def _document(
    folder: RunFolder,
    manifest: Manifest,
    semantics: Semantics | None,
    notes: Sequence[str],
    prices: Sequence[PriceTable] | None,
) -> Document:
    tracks = tracks_with(semantics, folder, manifest)
    look, policy = last_look(folder.path), manifest.study.policy
    gate = _gate(folder, tracks, policy) if policy is not None else None
    tracks = looked_at(tracks, look)
    payers = Payers.of(manifest.study, load_prices() if prices is None else prices)
    took = performance(tracks, payers, first_answer_s(folder.timing))
    about = [Finding("provider", "info", "; ".join(notes))] if notes else []
    about += [look.finding()] if look is not None else []
    about += edited_since(folder, manifest)
    most = samples_read(len(tracks))
    sections = tuple(_section(priced(track, payers), payers, most) for track in tracks)
    about += semantics.findings() if semantics is not None else []
    document = Document(
        title=title_of(manifest.study, [track.spec.name for track in tracks]),
        description=manifest.study.description,
        sections=sections,
        provenance=replace(
            provenance(manifest, tracks),
            cost_usd=whole_cost_usd(tracks, payers),
            embeddings=semantics.shown_name if semantics else None,
        ),
        findings=tuple(about),
        performance=took,
        gate=gate,
    )
    return _in_its_place(folder, manifest, document) if manifest.plan.after else document


def edited_since(folder: RunFolder, manifest: Manifest) -> list[Finding]:
    """A warning where study.yaml is not what the journal was written for."""
    ran = run_of(folder.journal)
    if ran is None or manifest.as_read in (None, ran):
        return []
    text = (
        f"{folder.manifest.name} is not what was run: it was changed after the journal was begun, "
        "so models, evals and settings in this report may be wrong; restore it, or run again with "
        "another --out"
    )
    return [Finding(EDITED, "warn", text, {"ran": ran, "found": manifest.as_read})]


def _in_its_place(folder: RunFolder, manifest: Manifest, document: Document) -> Document:
    """The report of a run that other rounds led to, with all of these."""
    from harness.pipeline.finished.rounds import rounds_in

    own = rounds_in(folder.path, manifest, document)
    return replace(document, rounds=(*manifest.plan.after, *own))


def _section(track: Track, payers: Payers, samples: int) -> Section:
    """What a report shows of a track, with when its tuning pays."""
    found = section(track, samples=samples)
    if track.experiment.instead_of is None and not track.experiment.prompts:
        return found
    from harness.pipeline.finished.breakevens import break_evens

    return replace(found, break_evens=break_evens(track, payers, found.advice))


def _gate(folder: RunFolder, tracks: Sequence[Track], policy: Policy) -> Gate:
    from harness.pipeline.judging.gate_tracks import gate_tracks

    return gate_tracks(folder, tracks, policy)
