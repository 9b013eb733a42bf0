"""harness lint: what is wrong with training data before anyone trains on them."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.cli import options
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.reports.lint_document import LintReport


def lint(
    train: Annotated[Path, typer.Argument(metavar="TRAIN.jsonl", help="The training file.")],
    heldout: Annotated[
        Path | None,
        typer.Option("--heldout", metavar="FILE", help="Samples or lines kept for judging."),
    ] = None,
    task: Annotated[
        Literal["one-answer", "open"] | None,
        typer.Option("--task", help="Is one answer right? Unset: guessed from the answers."),
    ] = None,
    wanted_refusals: Annotated[
        float | None,
        typer.Option(
            "--wanted-refusals",
            min=0.0,
            max=1.0,
            metavar="SHARE",
            help="The share of refusals wanted at inference, such as .05.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Its limit, tokens and price; unset: several prices."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="For the cost; unset: the API's default.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="The most an example may have.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="What models cost.")
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", metavar="OUT", help="Write a copy with what is safe to mend mended."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page.")
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write JSON; - prints it.")
    ] = None,
) -> None:
    """Look a training file over: exit 0 pass, 1 a finding blocks, 2 usage, 4 could not judge.

    Reads chats, prompts and completions, and preferences. Every finding names its lines; what
    passed and what was skipped is listed, too. The file itself is never changed.

    [bold]Examples[/bold]

      harness lint train.jsonl

      harness lint train.jsonl --heldout heldout.jsonl --wanted-refusals .05 --html lint.html

      harness lint train.jsonl --model gpt-4.1-mini --epochs 3

      harness lint train.jsonl --fix clean.jsonl
    """
    from harness.cli.lintview import EXIT_CODES, LintView, fixed_lines, show_report
    from harness.linting import LintOptions
    from harness.linting import lint as report_of
    from harness.linting.fixing import check_copy
    from harness.linting.fixing import fix as fixed_copy

    asked = LintOptions(
        wanted_refusals=wanted_refusals,
        model=model,
        epochs=epochs,
        max_tokens=max_tokens,
        prices=options.prices(prices),
        token_files=_token_files(),
    )
    _check_outputs((train, heldout), (fix, html, as_json))
    if fix is not None:
        check_copy(train, fix)
    with LintView(_sizes(train, heldout)) as view:
        report = report_of(train, heldout, task, asked, view)
    if as_json != Path("-"):
        show_report(report)
    _write(report, html, as_json)
    if fix is not None:
        told = sys.stderr if as_json == Path("-") else sys.stdout
        if report.outcome == "unjudged":
            print(f"No cleaned copy: nothing in {train} can be judged", file=told)
        else:
            print(*fixed_lines(fixed_copy(train, fix)), sep="\n", file=told)
    raise typer.Exit(EXIT_CODES[report.outcome])


def _sizes(*paths: Path | None) -> dict[Path, int]:
    """The files that there are, with their sizes in bytes."""
    return {path: path.stat().st_size if path.is_file() else 0 for path in paths if path}


def _token_files() -> Path | None:
    """Where tiktoken keeps its files: where it looks itself; None where it is to keep none."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if named is None:
        return Path(tempfile.gettempdir()) / "data-gym-cache"
    return Path(named) if named else None


def _check_outputs(inputs: tuple[Path | None, ...], outputs: tuple[Path | None, ...]) -> None:
    """Refuse to write over what is read, or two things into one file."""
    named = [out.absolute() for out in filter(None, outputs) if out != Path("-")]
    for out in named:
        if named.count(out) > 1:
            raise UsageError(f"{out}: is to hold two things; name two files")
    for out in filter(None, outputs):
        for path in filter(None, inputs):
            if out.exists() and path.exists() and out.samefile(path):
                raise UsageError(f"{out}: would overwrite what is read; name another file")


def _write(report: LintReport, html: Path | None, as_json: Path | None) -> None:
    from harness.reports.lint_json import render_lint_json

    if as_json == Path("-"):
        print(render_lint_json(report), end="")
    elif as_json is not None:
        _put(as_json, render_lint_json(report))
    if html is not None:
        from harness.reports.lint_html import render_lint_html

        _put(html, render_lint_html(report))


def _put(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
    print(f"Report: {path}", file=sys.stderr)
