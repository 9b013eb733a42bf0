"""Any two runs compared sample by sample: the choice of both, and the report of it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.errors import HarnessError, UsageError
from harness.viewer import report_pages
from harness.viewer.model_names import model_groups, named
from harness.viewer.pages.run import working
from harness.viewer.rendering import page, part
from harness.viewer.runs import Run
from harness.viewer.site import Site
from harness.viewer.summaries import About, Stamp
from harness.viewer.works import FRESH_S

FORCE = "--force"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison as it was asked for: a run by its slug, and a model in it."""

    slug: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A side that is there: its run, the models that it holds, and the one that counts."""

    about: About
    models: tuple[str, ...]
    model: str

    @property
    def run(self) -> Run:
        """The run."""
        return self.about.run

    @property
    def place(self) -> str:
        """The side as commands write it.

        Raises:
            UsageError: a folder whose name cannot be told from a model's.
        """
        if "#" in str(self.run.path):
            raise UsageError(
                f"{self.run.path}: a '#' in a folder's name stands before a model's; rename it"
            )
        return f"{self.run.path}#{self.model}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for."""

    a: Side
    b: Side
    change: bool = False
    force: bool = False

    @classmethod
    def of(cls, query: QueryParams) -> Asked:
        """Sides by a and b, or the two runs that were ticked in the list."""
        ticked = [*query.getlist("run"), "", ""]
        a = Side(query.get("a") or ticked[0], query.get("am", ""))
        b = Side(query.get("b") or ticked[1], query.get("bm", ""))
        return cls(a, b, "change" in query, "force" in query)

    def address(self, **more: str) -> str:
        """The address of the same comparison."""
        told = {"a": self.a.slug, "am": self.a.model, "b": self.b.slug, "bm": self.b.model, **more}
        return "/compare?" + urlencode({name: value for name, value in told.items() if value})


def routes(site: Site) -> list[Route]:
    """The comparison of two runs."""

    async def show(request: Request) -> Response:
        asked = Asked.of(request.query_params)
        a, b = await run_in_threadpool(_both, site, asked)
        if asked.change or a is None or b is None or not (a.model and b.model):
            return await run_in_threadpool(_form, site, asked, a, b)
        try:
            return await _compared(site, asked, a, b)
        except HarnessError as error:
            if _was_guessed(asked.a, a) or _was_guessed(asked.b, b):
                return await run_in_threadpool(_form, site, asked, a, b, str(error))
            return _refused(asked, a, b, str(error))

    return [Route("/compare", show)]


def _both(site: Site, asked: Asked) -> tuple[Chosen | None, Chosen | None]:
    """Both sides, each with the model that is asked for, or the obvious one."""
    a, b = _chosen(site, asked.a), _chosen(site, asked.b)
    if a is None or b is None:
        return a, b
    return _settled_on(a, _obvious(a, b, is_base=True)), _settled_on(b, _obvious(b, a))


def _settled_on(one: Chosen, model: str) -> Chosen:
    return one if one.model else replace(one, model=model)


def _chosen(site: Site, side: Side) -> Chosen | None:
    """The run that a side names, if it is there; a model is settled where there is only one."""
    run = site.runs.find(side.slug) if side.slug else None
    if run is None:
        return None
    about = site.summaries.about(run)
    models = _models(site, about)
    only = models[0] if len(models) == 1 else ""
    return Chosen(about, models, side.model if side.model in models else only)


def _models(site: Site, about: About) -> tuple[str, ...]:
    """Who answered: those of the report, or of the journal where there is none."""
    if about.told is not None and about.told.models:
        return about.told.models
    totals = site.tails.of(about.run.folder.journal).read()
    return tuple(dict.fromkeys(model for _, model in totals.counts))


async def _compared(site: Site, asked: Asked, a: Chosen, b: Chosen) -> Response:
    places = (a.place, b.place)
    states = await run_in_threadpool(lambda: [_settled(site, one) for one in (a, b)])
    key = ("compare", places, asked.force, tuple(states))
    fresh_s = FRESH_S if None in states else math.inf
    made = await site.works.result(
        key, lambda: _rendered((a, b), force=asked.force), fresh_s=fresh_s
    )
    trail = (("Compare", asked.address(change="1")),)
    if made is None:
        return working("Comparison", trail)
    runs = {one.run.name: f"/runs/{quote(one.run.slug, safe='')}" for one in (a, b)}
    form = await run_in_threadpool(_bar, site, asked, a, b)
    way = report_pages.Way(trail, _title(a, b), tuple(runs.items()), form)
    return report_pages.answer(made, way, is_own=True)


def _settled(site: Site, one: Chosen) -> tuple[Stamp, Stamp] | None:
    """What changes when a run's plan or answers do; None while they come in."""
    if site.summaries.of(one.run).state.kind == "running":
        return None
    folder = one.run.folder
    return site.summaries.stamp(folder.manifest), site.summaries.stamp(folder.journal)


def _title(a: Chosen, b: Chosen) -> str:
    """What is compared, by the names of the folders: those of models are long."""
    if a.run.slug == b.run.slug:
        return f"Two models of {a.run.name}"
    return f"{b.run.name} against {a.run.name}"


def _names(a: Chosen, b: Chosen) -> tuple[str, str]:
    """What the report calls both: models by what they are, of two runs with the run's name."""
    first, second = (named(one.about, [one.model])[one.model].label for one in (a, b))
    if a.run.slug == b.run.slug:
        return first, second
    return f"{a.run.name}: {first}", f"{b.run.name}: {second}"


def _contest(a: Chosen, b: Chosen) -> str:
    first, second = _names(a, b)
    return f"{second}, against {first}"


def _rendered(sides: tuple[Chosen, Chosen], *, force: bool) -> str:
    from harness.pipeline.finished.comparing import compare_folders
    from harness.reports.html import render_html

    a, b = sides
    places = (a.place, b.place)
    forced = f" {FORCE}" if force else ""
    command = f"harness compare {shlex.join(places)}{forced}"
    document = compare_folders(places, (), command, force=force, names=_names(a, b))
    return render_html(
        replace(
            document, title=_title(a, b), description=f"{_contest(a, b)}. {document.description}"
        )
    )


def _was_guessed(asked: Side, one: Chosen) -> bool:
    """Was a model chosen that nobody named, of several?"""
    return asked.model != one.model and len(one.models) > 1


def _form(site: Site, asked: Asked, a: Chosen | None, b: Chosen | None, why: str = "") -> Response:
    """The choice alone; ``why`` what was obvious could not be compared."""
    sides = (a and _likely(a), b and _likely(b))
    note = "Where a run holds several models, choose one of them next."
    content = _choice(site, asked, *sides)
    return page("compare.html.j2", title="Compare two runs", note=note, why=why, **content)


def _bar(site: Site, asked: Asked, a: Chosen, b: Chosen) -> str:
    """The same form above a comparison, with what is compared."""
    return part("compare_bar.html.j2", note="", **_choice(site, asked, a, b))


def _choice(site: Site, asked: Asked, a: Chosen | None, b: Chosen | None) -> dict[str, Any]:
    abouts = [site.summaries.about(run) for run in site.runs.all()]
    both = (("a", "A", asked.a, a), ("b", "B, against A", asked.b, b))
    return {
        "asked": asked,
        "abouts": sorted(abouts, key=lambda about: -about.begun),
        "sides": [
            (*one, model_groups(one[3].about, one[3].models) if one[3] else ()) for one in both
        ],
    }


def _likely(one: Chosen) -> Chosen:
    """A side of the form, with a model to begin with."""
    return _settled_on(one, _to_use(one, ()) or _begun(one))


def _begun(one: Chosen) -> str:
    """The first model, which is the base where a run has one."""
    return one.models[0] if one.models else ""


def _obvious(one: Chosen, other: Chosen, *, is_base: bool = False) -> str:
    """The model that a run is compared by where nobody says: the one that its advice says to use
    of an eval that both share, or its only tuned one; within one run first its base. "" where
    it is not clear."""
    if other.run.path == one.run.path and is_base:
        return _begun(one)
    shared = tuple(name for name in one.about.evals if name in other.about.evals)
    return _to_use(one, shared)


def _to_use(one: Chosen, evals: Sequence[str]) -> str:
    """What the advice on one of these evals says to use, on any without names; else the only
    model beside the base."""
    told = one.about.told
    lines = [line for line in (told.headlines if told else ()) if line.kind is not None]
    wanted = (line.model for line in lines if not evals or line.eval in evals)
    tuned = [model for model in one.models if model != one.about.base]
    return next(wanted, tuned[0] if len(tuned) == 1 else "")


def _refused(asked: Asked, a: Chosen, b: Chosen, why: str) -> Response:
    return page(
        "compare_refused.html.j2",
        422,
        title="These two cannot be compared",
        message=why,
        sides=(a, b),
        change=asked.address(change="1"),
        forced=asked.address(force="1") if FORCE in why and not asked.force else "",
    )
