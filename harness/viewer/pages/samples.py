"""The samples of a run: a list with filters, and one page for each sample."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.errors import HarnessError
from harness.pipeline.orders.names import PROBE_SUFFIX
from harness.pipeline.orders.tuning import read_tuning
from harness.pipeline.reviewing.reviews import read_reviews
from harness.records import Sample
from harness.reports import wording
from harness.viewer.addresses import name_in, sample_address, samples_address
from harness.viewer.journal_index import (
    BEING_READ,
    CHANGES,
    SORTS,
    STATES,
    Around,
    JournalIndex,
    Query,
    TrackSummary,
)
from harness.viewer.matrix import Column, MatrixRow, columns_of, matrix
from harness.viewer.model_names import grouped, named
from harness.viewer.rendering import page
from harness.viewer.reviewing import panel_of
from harness.viewer.runs import Run
from harness.viewer.sample_views import (
    CHANGE_WORDS,
    STATE_WORDS,
    Listed,
    listed,
    replies_of,
    shown,
    turns,
)
from harness.viewer.site import Site

ON_A_PAGE = 50
MATRIX = "models"
"""The view of all models' answers beside each other."""

LONGEST_NOTE = 20_000

AGAINST = ("ideal", "other", "nothing")

SORT_WORDS = {
    "sample": "By sample",
    "mark": "Lowest mark first",
    "-mark": "Highest mark first",
    "-latency": "Slowest first",
    "latency": "Fastest first",
    "-tokens": "Longest first",
    "tokens": "Shortest first",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of samples is narrowed to, as its address says it.

    ``other`` "" compares with no model. ``against`` is what differences are marked to; "" is the
    ideal answer, but of open tasks nothing. ``view`` "models" shows the answers of all models.
    """

    eval: str
    model: str
    other: str = ""
    state: str = ""
    label: str = ""
    words: str = ""
    sort: str = "sample"
    against: str = ""
    view: str = ""
    number: int = 1

    @property
    def query(self) -> Query:
        """The same as the index is asked."""
        first = (self.number - 1) * ON_A_PAGE
        filters = (self.eval, self.model, self.other, self.state, self.label, self.words)
        return Query(*filters, self.sort, first, ON_A_PAGE)

    @property
    def are_set(self) -> bool:
        """Is anything left out?"""
        return any((self.state, self.label, self.words))

    def told(self, **changes: str | int) -> dict[str, str | int]:
        """What an address has to say of these, with some of them changed."""
        told: dict[str, str | int] = {
            "eval": self.eval,
            "model": self.model,
            "other": self.other or "none",
            "state": self.state,
            "label": self.label,
            "words": self.words,
            "sort": "" if self.sort == "sample" else self.sort,
            "against": self.against,
            "view": self.view,
        }
        return {**told, **changes}


def routes(site: Site) -> list[Route]:
    """The list, and the page of one sample."""

    async def show_list(request: Request) -> Response:
        run = await run_in_threadpool(site.run, request)
        return await run_in_threadpool(_list, site, run, request.query_params)

    async def show_one(request: Request) -> Response:
        run = await run_in_threadpool(site.run, request)
        name, sample_id = (name_in(request.path_params[key]) for key in ("eval", "sample"))
        return await run_in_threadpool(_one, site, run, name, sample_id, request)

    return [
        Route("/runs/{run}/samples", show_list, name="samples"),
        Route("/runs/{run}/samples/{eval}/{sample}", show_one, name="sample"),
    ]


# --- what is asked for ---------------------------------------------------------------


def _filters(site: Site, run: Run, tracks: list[TrackSummary], asked: QueryParams) -> Filters:
    """The filters that an address names; what it leaves open is chosen, what makes no sense is
    left out."""
    evals = _evals(tracks)
    name = asked.get("eval", "")
    if name not in evals:
        name = evals[0]
    models = [track.model for track in tracks if track.eval == name]
    model = asked.get("model", "")
    if model not in models:
        model = _telling_model(site, run, name, models)
    other = asked.get("other", models[0])
    other = other if other in models and other != model else ""
    state, sort, number = (asked.get(key, "") for key in ("state", "sort", "page"))
    known = {*STATES, *(CHANGES if other else ())}
    return Filters(
        eval=name,
        model=model,
        other=other,
        state=state if state in known else "",
        label=asked.get("label", ""),
        words=asked.get("words", "").strip(),
        sort=sort if sort.lstrip("-") in SORTS else "sample",
        against=asked.get("against", "") if asked.get("against") in AGAINST else "",
        view=MATRIX if asked.get("view") == MATRIX and len(models) > 1 else "",
        number=max(1, int(number)) if number.isdecimal() and len(number) < 9 else 1,
    )


def _evals(tracks: list[TrackSummary]) -> list[str]:
    """The evals, those on training prompts behind the others."""
    names = list(dict.fromkeys(track.eval for track in tracks))
    return sorted(names, key=lambda name: name.endswith(PROBE_SUFFIX))


def _telling_model(site: Site, run: Run, eval: str, models: list[str]) -> str:
    """The model that the report says to use, or the last one."""
    told = site.summaries.about(run).told
    said = (line.model for line in (told.headlines if told else ()) if line.eval == eval)
    return next((model for model in said if model in models), models[-1])


# --- the list ------------------------------------------------------------------------


def _list(site: Site, run: Run, asked: QueryParams) -> Response:
    index = site.indexes.of(run)
    tracks, progress = index.tracks(), index.progress()
    if not tracks:
        return page("sample_list.html.j2", title="Samples", run=run, progress=progress, tracks=())
    filters = _filters(site, run, tracks, asked)
    found = index.page(filters.query)
    last = max(1, -(-found.total // ON_A_PAGE))
    if filters.number > last:
        filters = replace(filters, number=last)
        found = index.page(filters.query)
    against = filters.against or ("nothing" if _is_open(index, filters.eval) else "ideal")
    mine = [track for track in tracks if track.eval == filters.eval]
    names = named(site.summaries.about(run), (track.model for track in mine))
    columns: list[Column] = []
    rows: Sequence[Listed | MatrixRow]
    if filters.view == MATRIX:
        columns = columns_of(mine, _epochs(site, run), (filters.other, filters.model))
        rows, fault = matrix(index, filters.eval, columns, found.rows)
    else:
        rows, fault = listed(index, filters.query, found.rows, against)

    def address(number: int) -> str:
        return samples_address(run.slug, filters.told(page=number if number > 1 else ""))

    return page(
        "sample_list.html.j2",
        title=f"Samples of {run.name}",
        run=run,
        progress=progress,
        tracks=tracks,
        evals=_evals(tracks),
        models=[track.model for track in mine],
        named=names,
        groups=grouped(names.values()),
        columns=columns,
        views=_views(run, filters),
        filters=filters,
        against=against,
        query=filters.query,
        states=_states(index, run, filters),
        labels=_labels(index, filters),
        sorts=SORT_WORDS,
        state_words=STATE_WORDS,
        rows=rows,
        fault=fault,
        is_pending=fault == BEING_READ,
        total=found.total,
        last=last,
        address=address,
        to_sample=lambda row, model=filters.model: sample_address(
            run.slug, filters.eval, row.sample_id, {**filters.told(model=model), "eval": ""}
        ),
        without=samples_address(run.slug, filters.told(state="", label="", words="")),
    )


def _views(run: Run, filters: Filters) -> list[tuple[str, str, str]]:
    """The ways to look at the list, each with its words and its address."""
    words = {"": "With texts", MATRIX: "All models"}
    return [
        (view, text, samples_address(run.slug, filters.told(view=view)))
        for view, text in words.items()
    ]


def _states(index: JournalIndex, run: Run, filters: Filters) -> list[tuple[str, str, int, str]]:
    """Each state with its words, its count and its address; empty ones only if chosen."""
    counts = index.counts(filters.query)
    words = {"": "All", **(CHANGE_WORDS if filters.other else {}), **STATE_WORDS}
    return [
        (state, text, counts[state], samples_address(run.slug, filters.told(state=state)))
        for state, text in words.items()
        if counts[state] or state in ("", filters.state)
    ]


def _labels(index: JournalIndex, filters: Filters) -> list[tuple[str, int]]:
    """What can be chosen of the labels; one that is chosen is among them."""
    labels = index.labels(filters.query)
    known = {label for label, _ in labels}
    return labels if filters.label in ("", *known) else [(filters.label, 0), *labels]


# --- one sample ----------------------------------------------------------------------


def _one(site: Site, run: Run, eval: str, sample_id: str, request: Request) -> Response:
    asked, index = request.query_params, site.indexes.of(run)
    outcomes = index.outcomes(eval, sample_id)
    if not outcomes:
        raise HTTPException(404, _not_found(index, eval, sample_id))
    samples, fault = index.samples(eval, [sample_id])
    sample = samples.get(sample_id)
    filters = _filters(site, run, index.tracks(), _with_eval(asked, eval))
    around = index.around(filters.query, sample_id)
    epochs = _epochs(site, run)
    return page(
        "sample.html.j2",
        title=f"{sample_id} in {run.name}",
        run=run,
        eval=eval,
        sample_id=sample_id,
        sample=sample,
        fault=fault,
        is_pending=fault == BEING_READ,
        turns=turns(_messages(index, eval, sample)) if sample else [],
        ideal=[shown(text, LONGEST_NOTE) for text in sample.ideal] if sample else [],
        notes=_notes(sample),
        outcomes=outcomes,
        replies=replies_of(
            outcomes, _comparable(index, eval, sample), epochs, (filters.other, filters.model)
        ),
        named=named(site.summaries.about(run), (filters.model, *(o.model for o in outcomes))),
        filters=filters,
        around=around,
        back=_back(run, filters, around),
        to_sample=lambda other: sample_address(
            run.slug, eval, other, {**filters.told(), "eval": ""}
        ),
        state_words=STATE_WORDS,
        panel_of=partial(panel_of, run, request, reviews=read_reviews(run.folder)),
    )


def _not_found(index: JournalIndex, eval: str, sample_id: str) -> str:
    text = f"This run has no answer to a sample {sample_id} of {eval}"
    progress = index.progress()
    if not progress.is_under_way:
        return f"{text}."
    share = wording.percent(progress.share)
    return f"{text} so far: {share} of its journal is indexed; load this page again."


def _is_open(index: JournalIndex, eval: str) -> bool:
    """Are answers of their own wanted, which nobody compares word by word with an ideal?"""
    try:
        return index.asked.spec(eval).task == "open"
    except HarnessError:
        return False


def _comparable(index: JournalIndex, eval: str, sample: Sample | None) -> tuple[str, ...]:
    """The right answers that answers are compared with."""
    return sample.ideal if sample and not _is_open(index, eval) else ()


def _with_eval(asked: QueryParams, eval: str) -> QueryParams:
    return QueryParams([*((k, v) for k, v in asked.multi_items() if k != "eval"), ("eval", eval)])


def _back(run: Run, filters: Filters, around: Around | None) -> str:
    """The list where this sample stands in it."""
    number = around.place // ON_A_PAGE + 1 if around else 1
    told = filters.told(page=number if number > 1 else "")
    return samples_address(run.slug, told) + (f"#row-{around.place}" if around else "")


def _messages(index: JournalIndex, eval: str, sample: Sample) -> Any:
    try:
        return index.asked.messages(eval, sample)
    except HarnessError:  # the file of worked examples is gone
        return sample.messages


def _notes(sample: Sample | None) -> str:
    """What else a sample's line holds."""
    if sample is None or not (sample.metadata or sample.tools or sample.cluster):
        return ""
    told: dict[str, object] = {**sample.metadata}
    if sample.cluster:
        told = {"cluster": sample.cluster, **told}
    if sample.tools:
        told["tools"] = sample.tools
    text = json.dumps(told, ensure_ascii=False, indent=2, default=str)
    return wording.shortened(text, LONGEST_NOTE)


def _epochs(site: Site, run: Run) -> Mapping[str, float]:
    """After how many epochs each model is, the base model's 0; what is not known is left out."""
    manifest = site.summaries.about(run).manifest
    if manifest is None:
        return {}
    known = [checkpoint for e in manifest.study.experiments for checkpoint in e.tuned]
    with suppress(HarnessError):  # the run's own page says what is wrong with it
        known += [c for one in read_tuning(run.folder.tuning) for c in one.checkpoints]
    return {manifest.study.base: 0.0, **{one.model: one.epoch for one in known}}
