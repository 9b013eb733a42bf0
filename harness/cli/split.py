"""harness split: a held-out set out of a training file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.linting.split_files import SplitFiles
    from harness.linting.splitting import Split

AUTO = "auto"
MOST_STRATA = 12
MOST_CONFLICTS = 8


def split(
    data: Annotated[Path, typer.Argument(metavar="DATA.jsonl", help="The training file.")],
    heldout: Annotated[
        str,
        typer.Option(
            "--heldout", metavar="N|auto", help="How many lines to hold out; auto: as planned."
        ),
    ] = AUTO,
    out_train: Annotated[
        Path | None, typer.Option("--out-train", metavar="FILE", help="What is to be trained on.")
    ] = None,
    out_heldout: Annotated[
        Path | None, typer.Option("--out-heldout", metavar="FILE", help="What is to be judged by.")
    ] = None,
    eval_name: Annotated[
        str,
        typer.Option("--eval", metavar="NAME", help="Write an eval of this name into --registry."),
    ] = "",
    registry: Annotated[
        Path | None,
        typer.Option(
            "--registry", metavar="DIR", help="The registry folder to write to (my-registry)."
        ),
    ] = None,
    base: Annotated[
        str,
        typer.Option("--base", metavar="MODEL", help="Write a study that tunes this model, too."),
    ] = "",
    detect: Annotated[
        str, typer.Option("--detect", metavar="10pp", help="For auto: the difference to show.")
    ] = "10pp",
    cluster: Annotated[
        str,
        typer.Option("--cluster", metavar="FIELD", help="The field that names a line's document."),
    ] = "cluster",
    seed: Annotated[int, typer.Option("--seed", help="Another seed holds out other lines.")] = 0,
) -> None:
    """Make a held-out set out of a training file: no line is lost, and the file itself stays.

    Labels keep their shares. Lines that ask the same or nearly the same, and lines of one document,
    stay on one side, so that scores mean new prompts. Reads chats, prompts and completions, and
    preferences; held-out lines are written as samples of an eval.

    [bold]Examples[/bold]

      harness split train.jsonl

      harness split train.jsonl --heldout 100 --out-train a.jsonl --out-heldout b.jsonl

      harness split train.jsonl --eval my-task --base gpt-4.1-mini

      harness split train.jsonl --eval my-task --base embedded:tiny-base --registry mine
    """
    from harness.linting.split_files import check_files, write_split
    from harness.linting.splitting import SplitOptions
    from harness.linting.splitting import split as split_of
    from harness.registry.policies import share_of

    difference = share_of(detect)
    if difference is None or not 0 < difference < 1:
        raise UsageError(f"--detect {detect}: give a difference such as 10pp, 10% or 0.1")
    if (registry or base) and not eval_name:
        raise UsageError(f"--{'registry' if registry else 'base'}: name the eval with --eval NAME")
    options = SplitOptions(_number(heldout), difference, seed, cluster)
    files = _files(data, out_train, out_heldout, eval_name, registry, base)
    check_files(data, files)
    found = split_of(data, options)
    if base and found.format == "preference":
        raise UsageError(f"--base {base}: studies do not tune on preferences; leave it out")
    samples = write_split(found, files)
    for line in (*_told(found, files, samples), *_conflicts(found), *_next(files)):
        print(line)


def _number(heldout: str) -> int | None:
    if heldout == AUTO:
        return None
    if not heldout.isdecimal():
        raise UsageError(f"--heldout {heldout}: give a number of lines, or auto")
    return int(heldout)


def _files(
    data: Path,
    train: Path | None,
    heldout: Path | None,
    eval_name: str,
    registry: Path | None,
    base: str,
) -> SplitFiles:
    from harness.linting.split_files import SplitFiles

    if eval_name:
        home = registry or Path("my-registry")
        folder = home / "data" / eval_name
        return SplitFiles(
            train or folder / "train.jsonl",
            heldout or folder / "heldout.jsonl",
            home,
            eval_name,
            base,
        )
    stem = data.name.partition(".")[0]
    return SplitFiles(
        train or data.parent / f"{stem}.train.jsonl",
        heldout or data.parent / f"{stem}.heldout.jsonl",
    )


# --- what is said --------------------------------------------------------------------


def _told(split: Split, files: SplitFiles, samples: int) -> Iterator[str]:
    from harness.linting.splitting import shown_by
    from harness.reports.wording import counted, number

    held = len(split.heldout)
    yield f"{files.train}: {counted(split.lines - held, 'line')} to train on"
    merged = f" (lines that ask the same are one sample: {held:,} lines)" if samples < held else ""
    yield f"{files.heldout}: {counted(samples, 'sample')} to judge by{merged}"
    yield f"  {counted(held, 'line')} of {split.lines:,}: {split.why}"
    if held < split.wanted:
        yield f"  {split.wanted:,} were wanted: no more fit without parting what belongs together"
    difference = shown_by(samples)
    if difference is not None:
        points = number(100 * difference, 0)
        yield f"  they show a difference of {points} points or more (if on three of ten samples"
        yield "  exactly one model is right; harness plan says it from a run)"
    yield from _groups(split)
    yield from _strata(split)


def _groups(split: Split) -> Iterator[str]:
    from harness.reports.wording import counted

    if split.template:
        words = " ".join(split.template[:12])
        yield f"  prompts share a template ({words!r}): they are compared by what else they say"
    if not split.groups:
        yield "  no two lines ask the same or nearly the same"
        return
    yield f"  kept on one side (largest group: {counted(split.largest_group, 'line')}):"
    for reason, count in split.groups:
        yield f"    {reason}: {counted(count, 'group')}"


def _strata(split: Split) -> Iterator[str]:
    from harness.reports.wording import counted, shortened

    if not split.strata:
        yield "  answers are no labels: drawn at random"
        return
    yield f"  held out by {split.stratified_by}:"
    for one in split.strata[:MOST_STRATA]:
        name = shortened(" ".join(one.name.split()), 40) or "(none)"
        yield f"    {one.heldout:,} of {one.examples:,} {name}"
    if len(split.strata) > MOST_STRATA:
        yield f"    and {len(split.strata) - MOST_STRATA:,} more"
    lacking = [one for one in split.strata if not one.heldout]
    if lacking:
        yield f"    {counted(len(lacking), split.stratified_by)} too rare to hold any out"


def _conflicts(split: Split) -> Iterator[str]:
    """Answers that contradict each other: held out, each would count as right."""
    from harness.reports.wording import counted, shortened

    if not split.conflicts:
        return
    found = counted(len(split.conflicts), "prompt")
    yield f"warn: {found} answered in several ways, all of which count as right where held out:"
    for one in split.conflicts[:MOST_CONFLICTS]:
        lines = ", ".join(f"{line:,}" for line in one.lines[:MOST_CONFLICTS])
        more = ", ..." if len(one.lines) > MOST_CONFLICTS else ""
        answers = " / ".join(shortened(" ".join(a.split()), 40) for a in one.answers[:4])
        yield f"    lines {lines}{more}: {answers}"
    if len(split.conflicts) > MOST_CONFLICTS:
        yield f"    and {len(split.conflicts) - MOST_CONFLICTS:,} more"
    yield "  decide which answer is right, and split again; what lint says of it:"
    yield f"    {shlex.join(['harness', 'lint', str(split.path)])}"


def _next(files: SplitFiles) -> Iterator[str]:
    lint = ["harness", "lint", str(files.train), "--heldout", str(files.heldout)]
    yield "Next:"
    yield f"  {shlex.join(lint)}"
    if files.eval_file is None:
        yield "  (--eval NAME writes an eval of it, ready for harness run)"
        return
    yield f"  {files.eval_file}  (look how answers are marked)"
    registry = ["--registry", str(files.registry)]
    if files.study_file is not None:
        yield f"  {shlex.join(['harness', 'study', files.eval_name, *registry])}"
        return
    name = f"{files.eval_name}.heldout.v1"
    yield f"  {shlex.join(['harness', 'run', name, *registry, '--model', 'MODEL'])}"
