"""harness gate: may this model be deployed? Answers, a policy, an exit code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from harness.records import Gate, Policy
    from harness.registry import Registry

STANDARD_OUTPUT = Path("-")


def gate(
    places: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="A run folder or log, or two: base, tuned."),
    ],
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", metavar="FILE|NAME", help="Unset: the policy of the folder's own study."
        ),
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", metavar="MODEL", help="Compare with this model.")
    ] = None,
    tuned: Annotated[
        str | None, typer.Option("--tuned", metavar="MODEL", help="Judge this model.")
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Annotations, step summary and outputs.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML.")
    ] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write JSON; - prints it.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write a comment's text.")
    ] = None,
    registry: options.RegistryPaths = None,
    force: options.Force = False,
    plain: options.Plain = False,
) -> None:
    """Hold answers against a policy: exit 0 pass, 1 fail, 3 inconclusive, 4 could not judge.

    Nothing passes on missing evidence, and no model fails for it. Where several checkpoints
    were measured, the one to use is judged, and its p value allows for having been picked;
    [bold]--tuned[/bold] names one that was chosen beforehand.

    [bold]Examples[/bold]

      harness gate reports/demo --policy no-worse

      harness gate base.jsonl tuned.jsonl --policy policy.yaml --junit junit.xml

      harness gate reports/run --policy policy.yaml --github

      harness gate reports/run --json - | jq .outcome
    """
    from harness.cli.gateview import leave, show_gate
    from harness.cli.terminal import Output
    from harness.pipeline.finished.gate import gate_places

    known = options.registry(registry)
    wanted = _policy(policy, places, known)
    decided = gate_places(places, wanted, known, base, tuned, force=force)
    output = Output(plain, as_json=as_json == STANDARD_OUTPUT)
    show_gate(decided, output, on_github=github)
    if github:
        _tell_github(decided)
    _write(decided, junit, as_json, markdown)
    leave(decided)


def _policy(name: str | None, places: list[str], known: Registry) -> Policy:
    """The policy that was named, or the one of the study that ran in the folder."""
    if name is not None:
        return known.policy(name)
    from harness.pipeline.folder.runfolder import RunFolder

    try:
        own = RunFolder(Path(places[0])).read().study.policy if len(places) == 1 else None
    except HarnessError:
        own = None
    if own is None:
        raise UsageError(
            f"--policy is missing, and {' and '.join(places)} brings none of its own; "
            "name a file or one of the registry's, such as no-worse"
        )
    return own


# --- what is written -----------------------------------------------------------------


def _write(gate: Gate, junit: Path | None, as_json: Path | None, markdown: Path | None) -> None:
    from harness.reports.json import render_gate_json
    from harness.reports.junit import render_junit
    from harness.reports.markdown_gate import render_gate_markdown

    renderers = ((junit, render_junit), (as_json, render_gate_json))
    for path, render in (*renderers, (markdown, render_gate_markdown)):
        if path == STANDARD_OUTPUT:
            print(render(gate), end="")
        elif path is not None:
            _put(path, render(gate))


def _tell_github(gate: Gate) -> None:
    """Annotations go to the output, which the runner reads; files are those that it names."""
    from harness.reports.github import commands, outputs
    from harness.reports.markdown_gate import render_gate_markdown

    for command in commands(gate):
        print(command)
    files = {"GITHUB_STEP_SUMMARY": render_gate_markdown(gate), "GITHUB_OUTPUT": outputs(gate)}
    for variable, text in files.items():
        path = os.environ.get(variable)
        if path:
            _put(Path(path), text, mode="a")


def _put(path: Path, text: str, mode: str = "w") -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
