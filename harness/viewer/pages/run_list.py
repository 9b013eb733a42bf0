"""The first page: every run below the root, with filters, and the choice of two to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.viewer.rendering import page
from harness.viewer.site import Site
from harness.viewer.summaries import STATE_WORDS, Summary

ON_A_PAGE = 50

SORTS: dict[str, tuple[str, Callable[[Summary], object], bool]] = {
    "newest": ("Newest first", lambda one: one.about.begun, True),
    "oldest": ("Oldest first", lambda one: one.about.begun, False),
    "study": ("By study", lambda one: (one.about.title.lower(), -one.about.begun), False),
    "state": ("By state", lambda one: list(STATE_WORDS).index(one.state.kind), False),
    "gain": ("Largest gain first", lambda one: _gain(one), True),
}
"""Orders of the list: what each is called, its key, and whether it is reversed."""


def _gain(one: Summary) -> float:
    told = one.about.told
    gains = [line.delta.value for line in told.headlines if line.delta] if told else []
    return max(gains, default=-2.0)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; "" leaves a filter out."""

    words: str = ""
    study: str = ""
    eval: str = ""
    model: str = ""
    state: str = ""
    sort: str = "newest"
    page: int = 1

    @classmethod
    def of(cls, query: QueryParams) -> Filters:
        """Those that an address names; whatever makes no sense is left out."""
        told = {
            f.name: query.get(f.name, "") for f in fields(cls) if f.name not in {"sort", "page"}
        }
        sort, number = query.get("sort", "newest"), query.get("page", "1")
        sort = sort if sort in SORTS else "newest"
        shown = int(number) if number.isdecimal() and len(number) < 7 else 1
        return cls(**told, sort=sort, page=max(1, shown))

    @property
    def are_set(self) -> bool:
        """Is anything left out?"""
        return any((self.words, self.study, self.eval, self.model, self.state))

    def fit(self, one: Summary) -> bool:
        """Does a run fit?"""
        about = one.about
        return (
            self.study in ("", about.title)
            and self.state in ("", one.state.kind)
            and (not self.eval or self.eval in about.evals)
            and (not self.model or self.model in about.models)
            and all(word in about.words for word in self.words.lower().split())
        )

    def address(self, number: int) -> str:
        """The address of another page of the same list."""
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        kept = {name: value for name, value in told.items() if value not in ("", "newest")}
        return "/?" + urlencode({**kept, "page": number})


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters can be set to."""

    studies: tuple[str, ...]
    evals: tuple[str, ...]
    models: tuple[str, ...]

    @classmethod
    def of(cls, found: Sequence[Summary]) -> Choices:
        """Everything that a run has."""
        return cls(
            _each(one.about.title for one in found),
            _each(name for one in found for name in one.about.evals),
            _each(name for one in found for name in one.about.models),
        )


def _each(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names), key=str.lower))


def routes(site: Site) -> list[Route]:
    """The page at the root."""

    async def show(request: Request) -> Response:
        return await run_in_threadpool(_shown, site, Filters.of(request.query_params))

    return [Route("/", show)]


def _shown(site: Site, filters: Filters) -> Response:
    found = [site.summaries.of(run) for run in site.runs.all()]
    _, key, is_reversed = SORTS[filters.sort]
    fitting = sorted(filter(filters.fit, found), key=key, reverse=is_reversed)  # type: ignore[arg-type]
    last = max(1, -(-len(fitting) // ON_A_PAGE))
    here = min(filters.page, last)
    return page(
        "run_list.html.j2",
        title="Runs",
        root=str(site.runs.root.resolve()),
        total=len(found),
        fitting=len(fitting),
        shown=fitting[(here - 1) * ON_A_PAGE : here * ON_A_PAGE],
        filters=filters,
        choices=Choices.of(found),
        sorts=[(name, words) for name, (words, _, _) in SORTS.items()],
        states=STATE_WORDS,
        here=here,
        last=last,
        running=any(one.state.kind == "running" for one in found),
    )
