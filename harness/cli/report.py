"""harness report: the reports of a run folder, written anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UsageError


def report(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A run folder, or the folder of a loop.")
    ],
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="What models cost.")
    ] = None,
    embeddings: options.EmbeddingsModel = None,
    embeddings_base_url: options.EmbeddingsUrl = None,
    embeddings_api_key_env: options.EmbeddingsKeyName = None,
    cache: options.CacheFolder = None,
    plain: options.Plain = False,
    as_json: options.AsJson = False,
    markdown: Annotated[
        bool,
        typer.Option("--markdown", help="Print report.md, fit for a comment of a pull request."),
    ] = False,
) -> None:
    """Write report.html, report.md and report.json of a run folder anew, from its journal.

    Works on an unfinished run too: what is missing counts as excluded. Nobody is asked, unless
    embeddings are wanted that the folder does not hold.

    [bold]Examples[/bold]

      harness report reports/demo

      harness report reports/demo --json | jq .advice

      harness report reports/demo --markdown | gh pr comment 12 --body-file -

      harness report reports/mine --embeddings text-embedding-3-small

      harness report reports/mine --embeddings my_module:embed

      harness report reports/loop
    """
    from harness.cli.studyview import StudyView, show_document
    from harness.pipeline import report_of, write_reports
    from harness.pipeline.folder.loop_folder import LOOP_FILE
    from harness.pipeline.looping.report import report_of_loop

    if markdown and as_json:
        raise UsageError("--json and --markdown would mix two reports; give one")
    asked = options.RunOptions(
        embeddings=embeddings,
        embeddings_base_url=embeddings_base_url,
        embeddings_api_key_env=embeddings_api_key_env,
        cache=cache,
        plain=plain,
        as_json=as_json,
    )
    embedder = asked.embedder()
    with StudyView(asked.output()) as view:
        if embedder is not None:
            embedder.observer = view.embedding
        if (path / LOOP_FILE).is_file():
            document = report_of_loop(path, options.prices(prices))
        else:
            document = report_of(path, prices=options.prices(prices), embedder=embedder)
    written = write_reports(document, path)
    if markdown:
        print(written.markdown.read_text(encoding="utf-8"), end="")
        return
    show_document(document, asked.output(), [f"Report: {written.html}"])
