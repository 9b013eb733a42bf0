"""harness cache: what is kept across runs, and forgetting it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options


class Action(StrEnum):
    """What can be done with the cache."""

    STATS = "stats"
    CLEAR = "clear"


def cache(
    action: Annotated[Action, typer.Argument(help="Say what is there, or forget it.")],
    folder: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="The cache's folder; unset: the usual one."),
    ] = None,
) -> None:
    """Say what answers are kept across runs, or forget them all.

    The cache holds what models answered, and embeddings, under hashes of what they were asked:
    no keys, no prompts. What is forgotten is asked and paid for anew.

    [bold]Examples[/bold]

      harness cache stats

      harness cache clear --cache my-cache
    """
    from harness.running.cache_file import clear, stock, vector_stock

    place = options.cache_folder(str(folder) if folder else None)
    if action is Action.CLEAR:
        clear(place)
        print(f"{place}: empty")
        return
    found = stock(place)
    vectors = vector_stock(place)
    print(f"{place}: {found.answers:,} answers in {found.bytes / 10**6:,.1f} MB")
    if vectors.answers:
        print(f"{place}: {vectors.answers:,} embeddings in {vectors.bytes / 10**6:,.1f} MB")
    oldest = min((one.oldest for one in (found, vectors) if one.oldest is not None), default=None)
    if oldest is not None:
        print(f"The first to go was last used on {datetime.fromtimestamp(oldest):%Y-%m-%d}.")
