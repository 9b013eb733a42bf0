"""From judged tracks to a Document, and from a Document to the files of a run folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from harness.errors import RunFolderError
from harness.messages import content_text
from harness.pipeline.judgement import advice_after, comparison, score
from harness.pipeline.manifest import Manifest
from harness.pipeline.measurement import Answers
from harness.pipeline.track import Track
from harness.pipeline.variety import Variety
from harness.records import Advice, Estimate, Finding, Sample
from harness.reports.document import (
    Document,
    Exclusion,
    Flip,
    FlipKind,
    Gallery,
    Panel,
    Point,
    Provenance,
    Result,
    Role,
    Section,
    Series,
    Unit,
)

FLIPS_SHOWN = 60
GALLERIES_SHOWN = 4
ANSWERS_SHOWN = 5


def section(track: Track, findings: Sequence[Finding] = ()) -> Section:
    """Everything that a report shows of one track."""
    advices = tuple(advice_after(track, epochs) for epochs in track.epochs)
    variety = Variety.of(track)
    flips, omitted = _flips(track, _shown_model(track, advices))
    return Section(
        eval=track.spec.name,
        task=track.spec.task,
        description=track.spec.description,
        metric="format compliance" if track.spec.task == "open" else "accuracy",
        base=track.base,
        advice=advices,
        panels=_panels(track, variety),
        results=_results(track, variety),
        comparisons=tuple(c for name in track.tuned_names if (c := comparison(track, name))),
        flips=flips,
        flips_omitted=omitted,
        galleries=_galleries(track, advices) if track.spec.task == "open" else (),
        exclusions=tuple(_exclusions(track)),
        findings=(*track.findings, *findings, *(variety.findings if variety else ())),
    )


# --- numbers -------------------------------------------------------------------------


def _results(track: Track, variety: Variety | None) -> tuple[Result, ...]:
    about = {checkpoint.model: checkpoint for checkpoint in track.checkpoints}
    results = []
    for model in track.model_names:
        answers, checkpoint = track.of(model), about.get(model)
        if answers is None:
            continue
        metrics = metrics_of(answers)
        if variety is not None:
            metrics |= variety.metrics_of(model)
        results.append(
            Result(
                eval=track.spec.name,
                task=track.spec.task,
                model=model,
                epochs=checkpoint.epoch if checkpoint else (0 if track.checkpoints else None),
                seed=checkpoint.seed if checkpoint else None,
                metrics=metrics,
                excluded=answers.excluded(track.heldout),
            )
        )
    return tuple(results)


def metrics_of(answers: Answers) -> dict[str, Estimate]:
    """The primary score and the mean of every further number that the grader gave."""
    found = score(answers.by_prompt)
    metrics = {"accuracy": found} if found else {}
    for name in sorted({name for rows in answers.details.values() for row in rows for name in row}):
        by_prompt = {
            key: mean(row[name] for row in rows if name in row)
            for key, rows in answers.details.items()
            if any(name in row for row in rows)
        }
        detail = score(by_prompt)
        if detail:
            metrics[name] = detail
    return metrics


# --- charts --------------------------------------------------------------------------


def _panels(track: Track, variety: Variety | None) -> tuple[Panel, ...]:
    if not track.checkpoints:
        return ()
    title = "Answers in the wanted format" if track.spec.task == "open" else "Right answers"
    panels = [
        Panel(title, "share", tuple(_score_series(track)), "held-out against epochs"),
        *(variety.panels() if variety else ()),
        *_curve_panels(track),
    ]
    return tuple(panel for panel in panels if panel.series)


def _score_series(track: Track) -> Iterable[Series]:
    yield _series("held-out", "heldout", track, probe=False)
    if track.probe:
        yield _series("training prompts", "train", track, probe=True)
    base = score(track.scores(0))
    if base is not None:
        yield Series("base model", "base", tuple(Point(e, base) for e in (0, track.epochs[-1])))
    if len(track.seeds) > 1:
        for seed in track.seeds:
            yield _series(f"seed {seed}", "seed", track.only(seed), probe=False)


def _series(name: str, role: Role, track: Track, *, probe: bool) -> Series:
    epochs = (0.0, *track.epochs)
    points = ((epoch, score(track.scores(epoch, probe=probe))) for epoch in epochs)
    return Series(name, role, tuple(Point(epoch, found) for epoch, found in points if found))


CURVES: tuple[tuple[str, Unit, tuple[tuple[str, str, Role], ...]], ...] = (
    (
        "Loss",
        "loss",
        (("train_loss", "training", "train"), ("valid_loss", "validation", "heldout")),
    ),
    (
        "Token accuracy",
        "share",
        (
            ("train_token_accuracy", "training", "train"),
            ("valid_token_accuracy", "validation", "heldout"),
        ),
    ),
)


def _curve_panels(track: Track) -> Iterable[Panel]:
    for title, unit, lines in CURVES:
        series = [
            Series(label, role, points)
            for name, label, role in lines
            if (points := _curve_points(track, name))
        ]
        if series:
            yield Panel(title, unit, tuple(series), "reported by the training run")


def _curve_points(track: Track, name: str) -> tuple[Point, ...]:
    points = []
    for epoch in track.epochs:
        values = [v for c in track.at(epoch) if (v := getattr(c, name)) is not None]
        if values:
            method = "mean of seeds, range" if len(values) > 1 else "one run"
            points.append(
                Point(epoch, Estimate(mean(values), min(values), max(values), len(values), method))
            )
    return tuple(points)


# --- samples -------------------------------------------------------------------------


def _shown_model(track: Track, advices: Sequence[Advice]) -> str | None:
    """The tuned model whose samples are shown: the one to use now, else the last."""
    chosen = advices[-1].checkpoint if advices else None
    return chosen or (track.tuned_names[-1] if track.tuned_names else None)


def _flips(track: Track, model: str | None) -> tuple[tuple[Flip, ...], int]:
    base, tuned = track.of(track.base), track.of(model) if model else None
    if base is None or tuned is None or track.spec.task == "open":
        return (), 0
    return flips_between(base, tuned, track.heldout)


def flips_between(
    base: Answers, tuned: Answers, samples: Mapping[str, Sample]
) -> tuple[tuple[Flip, ...], int]:
    """Samples that tuning fixed or broke, then those that both miss; and how many are not shown."""
    found: dict[FlipKind, list[Flip]] = {"broken": [], "fixed": [], "both_wrong": []}
    before, after = base.by_prompt, tuned.by_prompt
    for key, sample in samples.items():
        if key not in before or key not in after:
            continue
        kind = flip_kind(before[key], after[key])
        if kind is not None:
            found[kind].append(_flip(kind, sample, base, tuned))
    share = {"broken": FLIPS_SHOWN // 2, "fixed": FLIPS_SHOWN // 2, "both_wrong": FLIPS_SHOWN // 3}
    shown = [flip for kind, flips in found.items() for flip in flips[: share[kind]]]
    return tuple(shown), sum(map(len, found.values())) - len(shown)


def flip_kind(before: float, after: float) -> FlipKind | None:
    """What tuning did to one sample's mark; None where it was and is right."""
    if after > before:
        return "fixed"
    if after < before:
        return "broken"
    return "both_wrong" if after < 1 else None


def _flip(kind: FlipKind, sample: Sample, base: Answers, tuned: Answers) -> Flip:
    return Flip(
        kind=kind,
        sample_id=sample.id,
        prompt=as_read(sample),
        ideal=" | ".join(sample.ideal),
        base_text=base.texts.get(sample.id, [""])[0],
        tuned_text=tuned.texts.get(sample.id, [""])[0],
        tuned_model=tuned.model,
    )


def as_read(sample: Sample) -> str:
    """The messages as a person reads them."""
    said = ((one.get("role"), content_text(one.get("content"))) for one in sample.messages)
    return "\n".join(f"{role}: {text}" for role, text in said)


def _galleries(track: Track, advices: Sequence[Advice]) -> tuple[Gallery, ...]:
    """Answers of base, the checkpoint to use, and the last one to the same prompts."""
    shown = {"base": track.base}
    chosen = _shown_model(track, advices)
    for label, model in (("tuned, to use now", chosen), ("tuned, last", _last(track))):
        if model and model not in shown.values():
            shown[label] = model
    galleries = []
    for key, sample in list(track.heldout.items())[:GALLERIES_SHOWN]:
        answers = {
            label: tuple(table.texts.get(key, [])[:ANSWERS_SHOWN])
            for label, model in shown.items()
            if (table := track.of(model))
        }
        galleries.append(Gallery(key, as_read(sample), answers))
    return tuple(galleries)


def _last(track: Track) -> str | None:
    return track.at(track.epochs[-1])[0].model if track.epochs else None


def _exclusions(track: Track) -> Iterable[Exclusion]:
    for (_, model), answers in track.answers.items():
        for kind, count in answers.failures.items():
            yield Exclusion(model, kind, count, answers.examples[kind])
        if answers.unmarked:
            yield Exclusion(model, "no_mark", answers.unmarked, answers.examples["no_mark"])


# --- files ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Written:
    """Where a run's reports lie."""

    html: Path
    markdown: Path
    json: Path


def write_reports(document: Document, folder: Path) -> Written:
    """Render a document into report.html, report.md and report.json.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    from harness.reports.html import render_html
    from harness.reports.json import render_json
    from harness.reports.markdown import render_markdown

    written = Written(folder / "report.html", folder / "report.md", folder / "report.json")
    texts = {
        written.json: render_json(document),
        written.markdown: render_markdown(document),
        written.html: render_html(document),
    }
    for path, text in texts.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from error
    return written


def provenance(manifest: Manifest, tracks: Sequence[Track]) -> Provenance:
    """How to get the numbers of a run folder again."""
    tables = {id(table): table for track in tracks for table in track.answers.values()}.values()
    return Provenance(
        command=manifest.command,
        harness_version=manifest.harness,
        provider=manifest.study.provider,
        base=manifest.study.base,
        seeds=tuple(sorted({s for track in tracks for s in track.seeds if s is not None})),
        study_hash=manifest.hash,
        files=manifest.files,
        requests=sum(table.total for table in tables),
        prompt_tokens=sum(table.prompt_tokens for table in tables),
        completion_tokens=sum(table.completion_tokens for table in tables),
    )
