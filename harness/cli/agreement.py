"""harness agreement: whether people, graders and judges say the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.pipeline.reviewing.raters import Raters


def agreement(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    other: Annotated[
        Path | None,
        typer.Argument(metavar="[OTHER]", help="A run with the same answers, marked otherwise."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    show: Annotated[
        int, typer.Option("--show", metavar="N", min=0, help="Disagreements to list.")
    ] = 5,
) -> None:
    """Say how well people's reviews and the grader agree; or the marks of two runs.

    Reviews are made in [bold]harness view[/bold]: right, wrong or unsure, beside the run. With
    OTHER, marks of the same answers are compared: a run and its regraded copy, or two judges.
    Kappa is agreement beyond chance: 1 is perfect, 0 is chance.

    [bold]Examples[/bold]

      harness agreement reports/demo

      harness regrade reports/run --registry strict --out reports/strict

      harness agreement reports/run reports/strict --show 20
    """
    found = _between(path, other) if other is not None else _reviewed(path)
    if as_json:
        sys.stdout.buffer.write(_json(found))
        return
    for line in (line for raters in found for line in lines_of(raters, show)):
        print(line)


def _reviewed(path: Path) -> Sequence[Raters]:
    from harness.pipeline.folder.runfolder import RunFolder
    from harness.pipeline.measuring.measurement import answers_in
    from harness.pipeline.reviewing.raters import lookup_in, raters_of
    from harness.pipeline.reviewing.reviews import read_reviews
    from harness.running.journal import Contents

    folder = RunFolder(path)
    manifest, reviews = folder.read(), read_reviews(folder)
    if not reviews:
        raise UsageError(f"{path}: nobody has reviewed it yet; harness view {path} lets you")
    lookup = lookup_in(answers_in(Contents.of(folder.journal)))
    return list(raters_of(manifest, reviews, lookup))


def _between(path: Path, other: Path) -> Sequence[Raters]:
    from harness.pipeline.folder.runfolder import RunFolder
    from harness.pipeline.reviewing.raters import between_runs

    names = (path.resolve().name, other.resolve().name)
    if names[0] == names[1]:
        names = (str(path), str(other))
    found = list(between_runs(RunFolder(path), RunFolder(other), names))
    if not found:
        raise UsageError(f"{path} and {other} hold no answer in common: nothing to compare")
    return found


def lines_of(raters: Raters, show: int) -> Iterator[str]:
    """The agreement of two raters in words."""
    from harness.cli.terminal import plain
    from harness.reports import wording

    yield plain(f"{raters.eval}: {raters.first} and {raters.second}")
    yield plain(f"  {raters.advice}")
    if raters.found is not None:
        share = wording.estimate_in("share", raters.found.share)
        yield f"  agreement {share} of {raters.n:,} answers"
        for first, second in (("right", "wrong"), ("wrong", "right")):
            if count := raters.count(first, second):
                yield plain(f"  {count:,}: {raters.first} {first}, {raters.second} {second}")
    left = raters.left_out
    for count, why in (
        (left.unsure, "unsure, or people are split"),
        (left.stale, "of answers that were replaced since"),
        (left.unmarked, "without a mark of the grader"),
    ):
        if count:
            yield f"  {count:,} left out: {why}"
    for pair in raters.disagreements[:show]:
        note = f" - {wording.shortened(pair.note, 80)}" if pair.note else ""
        place = f"{pair.place.sample_id} ({pair.place.model})"
        yield plain(
            f"    {place}: {raters.first} {pair.first}, {raters.second} {pair.second}{note}"
        )


def _json(found: Sequence[Raters]) -> bytes:
    import orjson

    rows = [
        {
            "eval": one.eval,
            "raters": [one.first, one.second],
            "n": one.n,
            "agreement": one.found.share if one.found else None,
            "kappa": one.found.kappa if one.found else None,
            "counts": {" / ".join(key): n for key, n in one.found.counts.items()}
            if one.found
            else {},
            "drawn": one.is_drawn,
            "left_out": one.left_out,
            "advice": one.advice,
            "disagreements": [
                {**pair.place._asdict(), "said": [pair.first, pair.second], "note": pair.note}
                for pair in one.disagreements
            ],
        }
        for one in found
    ]
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
