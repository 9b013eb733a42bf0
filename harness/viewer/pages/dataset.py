"""Samples of a run as a file for the next training, with what that means for the held-out set."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import get_args

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.errors import UsageError
from harness.pipeline.orders.names import eval_of
from harness.pipeline.reviewing.collecting import (
    Collection,
    Form,
    Wanted,
    collect,
    copied_ids,
    note_copied,
)
from harness.viewer.journal_index import CHANGES, STATES, JournalIndex, Query
from harness.viewer.model_names import named
from harness.viewer.rendering import page
from harness.viewer.reviewing import address_of, is_being_read
from harness.viewer.runs import Run
from harness.viewer.sample_views import CHANGE_WORDS, STATE_WORDS
from harness.viewer.site import Site

LARGEST_FORM = 8 << 20
MOST_PICKED = 20_000
MOST_NAMED = 20
"""Ids in a command that is shown."""

PARTS = (1.0, 0.75, 0.5, 0.25)
SAFEST: Form = "prompts"
"""What is written where nobody says: it leaves the held-out set as it is."""

OUT: dict[Form, str] = {"prompts": "to-write.jsonl", "chat": "more.jsonl", "eval": "samples.jsonl"}
"""What a command calls the file."""

PIECE = 1 << 16
JSON_LINES = "application/jsonl; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Pick:
    """Which samples are meant: those of a filter, or those picked by hand (``ids``)."""

    query: Query
    ids: tuple[str, ...] = ()
    form: Form = SAFEST
    part: float = 1.0
    fields: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, asked: QueryParams | FormData) -> Pick:
        """What an address or a form asks for; whatever makes no sense is left out."""
        told = {key: value for key, value in asked.multi_items() if isinstance(value, str)}
        other = told.get("other", "")
        other = "" if other in ("none", told.get("model")) else other
        state = told.get("state", "")
        known = {*STATES, *(CHANGES if other else ())}
        query = Query(
            told.get("eval", ""),
            told.get("model", ""),
            other,
            state if state in known else "",
            told.get("label", ""),
            told.get("words", "").strip(),
        )
        ids = (value for key, value in asked.multi_items() if key == "id")
        picked = tuple(dict.fromkeys(one for one in ids if isinstance(one, str)))
        form = told.get("as", "")
        part = told.get("part", "")
        return cls(
            query,
            picked[:MOST_PICKED],
            form if form in get_args(Form) else SAFEST,  # type: ignore[arg-type]
            float(part) if part in map(str, PARTS) else 1.0,
            {
                "eval": query.eval,
                "model": query.model,
                "other": query.other_model or "none",
                "state": query.state,
                "label": query.label,
                "words": query.words,
            },
        )

    def chosen(self, index: JournalIndex) -> frozenset[str]:
        """The ids that are meant."""
        return frozenset(self.ids or index.ids(self.query))

    @property
    def why(self) -> str:
        """What they have in common, in words."""
        if self.ids:
            return "picked by hand"
        words = {**STATE_WORDS, **CHANGE_WORDS}
        parts = [words.get(self.query.state, "").lower(), self.query.label]
        parts += [f"with the words {self.query.words}"] if self.query.words else []
        return ", ".join(filter(None, parts)) or "all samples"

    def command(self, run: Run) -> str:
        """The same on a command line; "" where it cannot be said there."""
        query = self.query
        if query.label or query.words or len(self.ids) > MOST_NAMED:
            return ""
        states = () if self.ids else ((query.state,) if query.state else tuple(STATES))
        words = ["harness", "collect", str(run.path), "--eval", query.eval, "--model", query.model]
        words += ["--base", query.other_model] if query.state in CHANGES else []
        words += [word for state in states for word in ("--state", state)]
        words += [word for key in self.ids for word in ("--id", key)]
        words += ["--as", self.form]
        words += ["--part", f"{self.part:g}"] if self.part < 1 else []
        return shlex.join([*words, "--out", OUT[self.form]])


def routes(site: Site) -> list[Route]:
    """The page that says what would be taken, and the file itself."""

    async def show(request: Request) -> Response:
        return await run_in_threadpool(_shown, site, request)

    async def download(request: Request) -> Response:
        if int(request.headers.get("content-length") or 0) > LARGEST_FORM:
            raise HTTPException(413, "That is too much: take a filter instead of single samples.")
        async with request.form(max_files=0, max_fields=MOST_PICKED + 20) as form:
            return await run_in_threadpool(_file, site, request, form)

    return [
        Route("/runs/{run}/dataset", show),
        Route("/runs/{run}/dataset", download, methods=["POST"]),
    ]


def _shown(site: Site, request: Request) -> Response:
    run = site.run(request)
    if not request.query_params:  # samples are chosen in their list
        return RedirectResponse(f"{address_of(run)}/samples", 303)
    index = site.indexes.of(run)
    if is_being_read(index):
        return page("reading.html.j2", title="Dataset", run=run, here=address_of(run))
    tracks = index.tracks()
    pick = Pick.of(request.query_params)
    if not any((t.eval, t.model) == (pick.query.eval, pick.query.model) for t in tracks):
        raise HTTPException(404, "This run has no such answers; choose samples in its list.")
    chosen = pick.chosen(index)
    return page(
        "dataset.html.j2",
        title="Dataset",
        run=run,
        here=address_of(run),
        pick=pick,
        named=named(site.summaries.about(run), (pick.query.model, pick.query.other_model)),
        count=len(chosen),
        is_training=eval_of(pick.query.eval) != pick.query.eval,
        copied=len(copied_ids(run.folder, pick.query.eval)),
        parts_of=PARTS,
        command=pick.command(run),
    )


# --- the file ------------------------------------------------------------------------


def _file(site: Site, request: Request, form: FormData) -> Response:
    """The lines as a download; what is left of the held-out set where that is asked for."""
    run = site.run(request)
    pick = Pick.of(form)
    wanted = _wanted(site, run, pick)
    found = collect(run.folder, wanted)
    if form.get("what") == "rest":
        for _ in found.lines():  # to know which ones go
            pass
        return _download(found.rest(), f"{_name(pick)}-rest.jsonl")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found.copied = partial(note_copied, run.folder, wanted, at=at)
    lines = found.lines()
    first = next(lines, None)
    if first is None:
        raise UsageError(_nothing(found))
    return _download(chain([first], lines), f"{_name(pick)}.jsonl")


def _wanted(site: Site, run: Run, pick: Pick) -> Wanted:
    query = pick.query
    if eval_of(query.eval) != query.eval:
        raise UsageError(
            "these are training prompts, or other prompts: they are trained on already"
        )
    index = site.indexes.of(run)
    if is_being_read(index):
        raise HTTPException(503, "The journal is still being read; try again in a moment.")
    return Wanted(
        query.eval,
        query.model,
        base=query.other_model,
        ids=pick.chosen(index),
        form=pick.form,
        part=pick.part,
        states=(),
    )


def _nothing(found: Collection) -> str:
    if found.no_ideal:
        return "none of these samples has an ideal answer to learn; take the prompts only"
    return "no sample is so; nothing was written"


def _name(pick: Pick) -> str:
    """A file's name of these samples: letters that every system takes."""
    text = f"{pick.query.eval}-{pick.query.state or 'picked'}-{pick.form}"
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:120]


def _download(lines: Iterator[bytes], name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pieces(lines), media_type=JSON_LINES, headers=headers)


def _pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines in larger pieces: each piece is a way to another thread and back."""
    held = bytearray()
    for line in lines:
        held += line
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
