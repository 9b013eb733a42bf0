"""harness collect: what is still wrong, as examples for the next training set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.errors import UsageError
from harness.whole_file import whole_file

if TYPE_CHECKING:
    from harness.pipeline.folder.runfolder import RunFolder
    from harness.pipeline.reviewing.collecting import Collection, State


def collect(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            "-s",
            metavar="STATE",
            help="right, wrong, partly, failed, unmarked; against --base: fixed, broken, "
            "both_wrong, both_right; by reviews: called_wrong. Repeatable; unset: wrong and "
            "partly.",
        ),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="SAMPLE", help="This sample too; repeatable."),
    ] = None,
    eval_name: Annotated[
        str | None, typer.Option("--eval", "-e", metavar="EVAL", help="Of several evals, this one.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="Unset: the one the report says to use."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="NAME", help="What it is compared with; unset: the base."),
    ] = None,
    form: Annotated[
        Literal["chat", "eval", "prompts"],
        typer.Option("--as", help="A training file, samples of an eval, or prompts alone."),
    ] = "chat",
    part: Annotated[
        float, typer.Option("--part", metavar="SHARE", help="Take this share; the rest is kept.")
    ] = 1.0,
    most: Annotated[
        int | None, typer.Option("--max-samples", metavar="N", help="Take at most so many.")
    ] = None,
    rest: Annotated[
        Path | None,
        typer.Option("--rest", metavar="FILE", help="Write the samples that were not taken, too."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
    ] = False,
) -> None:
    """Take what a model still gets wrong, or what tuning broke, into a file for the next training.

    Held-out samples that go into training are held out no longer: which ones went is kept in the
    run's copied.jsonl. --part keeps some back, --rest writes what stays held out, and
    --as prompts writes no answers, for new examples of the same kind: the safest way.

    [bold]Examples[/bold]

      harness collect reports/demo --eval tickets.heldout.v1 --out more.jsonl

      harness collect reports/demo -e tickets.heldout.v1 --state broken --part 0.5 --out more.jsonl

      harness collect reports/demo -e orders.heldout.v1 --as prompts --out to-write.jsonl

      harness collect reports/mine --state wrong --out more.jsonl --rest heldout-2.jsonl
    """
    from harness.cli.terminal import plain
    from harness.pipeline.folder.runfolder import RunFolder
    from harness.pipeline.reviewing.collecting import Wanted, eval_meant, models_meant, note_copied
    from harness.pipeline.reviewing.collecting import collect as collected

    for target in (out, rest):
        if target is not None and target.exists() and not overwrite:
            raise UsageError(f"{target}: is there already; name another file, or add --overwrite")
    folder = RunFolder(path)
    name = eval_meant(folder, eval_name)
    usual, meant = models_meant(folder, name, model)
    wanted = Wanted(
        eval=name,
        model=meant,
        base=base or usual,
        states=_states(states, ids),
        ids=frozenset(ids or ()),
        form=form,
        part=part,
        most=most,
    )
    found = collected(folder, wanted)
    write(out, found.lines())
    if not found.taken:
        out.unlink()
        raise UsageError(f"{_which(found)}: {_nothing(found)}")
    note_copied(folder, wanted, found.ids, datetime.now(UTC).isoformat(timespec="seconds"))
    if rest is not None:
        write(rest, found.rest())
    for line in told(found, folder, out, rest):
        print(plain(line))


def _states(states: list[str] | None, ids: list[str] | None) -> tuple[State, ...]:
    """Those named; of samples named by id none else."""
    if states is None:
        return () if ids else ("wrong", "partly")
    return tuple(states)  # type: ignore[arg-type]  # checked where they are used


def write(path: Path, lines: Iterable[bytes]) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        with whole_file(path) as file:
            file.writelines(lines)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror})") from error


def told(found: Collection, folder: RunFolder, out: Path, rest: Path | None) -> Iterator[str]:
    """What was taken, and what that means for the held-out set."""
    wanted = found.wanted
    yield f"{_which(found)}: {_samples(found.taken)} in {out}"
    if found.no_ideal:
        yield f"  {_samples(found.no_ideal)} left out: no ideal answer to learn"
    if found.kept_back:
        yield f"  {_samples(found.kept_back)} kept back: still held out"
    if found.unknown:
        yield f"  {_samples(found.unknown)} named that the eval does not have"
    if rest is not None:
        yield f"  what was not taken: {rest}; register it as another split than {wanted.eval}"
    if wanted.form == "prompts":
        yield "  They are held-out prompts: write new ones like them, do not train on them."
    else:
        yield (
            f"warning: once trained on, these {_samples(found.taken)} are held out no longer "
            f"(noted in {folder.copied})."
        )
        yield (
            "  What is left is easier by the choice alone: measure base and tuned anew on what is "
            "left, or better on a fresh set, and compare no score with one from before."
        )
    if wanted.form == "chat":
        yield (
            f"Next: with --as prompts, new examples like these keep them held out; to train on "
            f"{out} all the same, harness lint it, and hold out a fresh set first"
        )


def _which(found: Collection) -> str:
    wanted = found.wanted
    states = " or ".join(wanted.states) or "named by id"
    return f"{wanted.eval}, {states} with {wanted.model}"


def _nothing(found: Collection) -> str:
    if found.no_ideal:
        return f"{_samples(found.no_ideal)}, none with an ideal answer; try --as prompts"
    return "no sample is so; nothing was written"


def _samples(count: int) -> str:
    return f"{count:,} sample{'' if count == 1 else 's'}"
