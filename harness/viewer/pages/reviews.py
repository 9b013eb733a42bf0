"""Human review: one answer after the other, and who agrees with whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from harness.errors import HarnessError, RunFolderError, UsageError
from harness.messages import content_text
from harness.pipeline.reviewing.raters import (
    FEWEST,
    TRUSTED,
    Raters,
    between_runs,
    machine_of,
    raters_of,
)
from harness.pipeline.reviewing.reviews import (
    ANONYMOUS,
    OPINIONS,
    Place,
    Review,
    add_review,
    answer_hash,
    read_reviews,
    verdict_of,
)
from harness.records import EvalSpec, Outcome, Sample
from harness.viewer.journal_index import JournalIndex
from harness.viewer.model_names import model_groups
from harness.viewer.rendering import page
from harness.viewer.reviewing import (
    COOKIE,
    SIZES,
    USUAL_SIZE,
    Answered,
    Asking,
    address_of,
    cookie_of,
    drawn_places,
    is_being_read,
    page_of,
    panel_of,
    reviewer_of,
)
from harness.viewer.runs import Run
from harness.viewer.site import Site

LARGEST_FORM = 1 << 16
A_YEAR_S = 365 * 24 * 3600


def routes(site: Site) -> list[Route]:
    """The page of agreement, the queue, and where reviews are sent to."""
    answered = Answered()

    async def agreement(request: Request) -> Response:
        return await run_in_threadpool(_agreement, site, answered, request)

    async def queue(request: Request) -> Response:
        return await run_in_threadpool(_queue, site, answered, request)

    async def send(request: Request) -> Response:
        if int(request.headers.get("content-length") or 0) > LARGEST_FORM:
            raise HTTPException(413, "That is too much for a review; shorten the note.")
        async with request.form(max_files=0) as form:
            return await run_in_threadpool(_sent, site, request, form)

    return [
        Route("/runs/{run}/reviews", agreement),
        Route("/runs/{run}/reviews", send, methods=["POST"]),
        Route("/runs/{run}/review", queue),
    ]


# --- a review is sent ----------------------------------------------------------------


def _sent(site: Site, request: Request, form: FormData) -> Response:
    run = site.run(request)
    told = {name: value for name, value in form.items() if isinstance(value, str)}
    repeat = told.get("repeat", "0")
    place = Place(
        told.get("eval", ""),
        told.get("model", ""),
        told.get("sample_id", ""),
        int(repeat) if repeat.isdecimal() and len(repeat) < 9 else 0,
    )
    outcome = site.indexes.of(run).outcome(*place)
    if outcome is None:
        raise HTTPException(404, f"The run holds no answer of {place.model} to {place.sample_id}.")
    if told.get("text_hash") != answer_hash(outcome):
        raise HTTPException(409, "This answer was replaced since you saw it: load the page again.")
    review = _review(place, outcome, told)
    add_review(run.folder, review)
    return _answer(request, review, told.get("back", ""), run)


def _review(place: Place, outcome: Outcome, told: Mapping[str, str]) -> Review:
    opinion = told.get("opinion", "")
    if opinion not in OPINIONS:
        raise UsageError(f"say {', '.join(OPINIONS)}; nothing was written")
    return Review(
        *place,
        request_key=outcome.request_key,
        text_hash=answer_hash(outcome),
        opinion=opinion,
        reviewer=" ".join(told.get("reviewer", "").split()) or ANONYMOUS,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        note=told.get("note", "").strip(),
        drawn=told.get("drawn") == "1",
        blind=told.get("blind") == "1",
    )


def _answer(request: Request, review: Review, back: str, run: Run) -> Response:
    """What was said, for a script; without one, back to the page."""
    if "application/json" in request.headers.get("accept", ""):
        response: Response = JSONResponse({"opinion": review.opinion, "reviewer": review.reviewer})
    else:
        home = f"{address_of(run)}/reviews"
        response = RedirectResponse(back if _is_own(back) else home, 303)
    if review.reviewer != ANONYMOUS:
        response.set_cookie(
            COOKIE, cookie_of(review.reviewer), A_YEAR_S, httponly=True, samesite="strict"
        )
    return response


def _is_own(address: str) -> bool:
    """Is it a page of this viewer, and no other host?"""
    return address.startswith("/runs/") and address.isprintable() and "\\" not in address


# --- one after the other -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer as a reviewer sees it. ``mark`` is what the grader says, where that is shown."""

    sample_id: str
    model: str
    messages: Sequence[tuple[str, str]]
    answer: str
    calls: str
    ideal: tuple[str, ...]
    missing: str
    mark: str = ""
    reason: str = ""


def _queue(site: Site, answered: Answered, request: Request) -> Response:
    run = site.run(request)
    asking = Asking.of(request)
    index = site.indexes.of(run)
    if is_being_read(index):
        return page("reading.html.j2", title="Review", run=run, here=address_of(run))
    if "sample" in request.query_params:
        return _single(run, index, request)
    if asking.eval not in {track.eval for track in index.tracks()}:
        return RedirectResponse(f"{address_of(run)}/reviews", 303)
    places = drawn_places(index, asking)
    outcomes = answered.of(run, index, places)
    reviews = read_reviews(run.folder)
    me = reviewer_of(request) or ANONYMOUS
    mine = {r.place: r for r in reviews if r.reviewer == me and _is_current(r, outcomes)}
    asked = request.query_params.get("at", "")
    numbered = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    left = next((n for n, place in enumerate(places, 1) if place not in mine), 0)
    number = numbered if 0 < numbered <= len(places) else left
    spec = index.asked.spec(asking.eval)
    content: dict[str, Any] = {
        "title": "Review",
        "run": run,
        "here": address_of(run),
        "asking": asking,
        "done": sum(place in mine for place in places),
        "size": len(places),
        "number": number,
        "machine": machine_of(spec),
        "last": None if numbered else _last(places, mine, outcomes, spec),
        "again": lambda n: asking.address(run, n),
        "shown": None,
        "panel": None,
        "single": False,
    }
    outcome = outcomes[places[number - 1]] if number else None
    if outcome is not None:
        is_blind = asking.blind and places[number - 1] not in mine
        content["shown"] = _shown(index, outcome, spec, hides_mark=is_blind)
        content["panel"] = panel_of(
            run,
            request,
            outcome,
            reviews,
            back=asking.address(run),
            drawn=True,
            blind=is_blind,
        )
    return page("review.html.j2", **content)


def _single(run: Run, index: JournalIndex, request: Request) -> Response:
    """One answer that was picked, with its mark."""
    query = request.query_params
    repeat = query.get("repeat", "0")
    outcome = index.outcome(
        query.get("eval", ""),
        query.get("model", ""),
        query.get("sample", ""),
        int(repeat) if repeat.isdecimal() and len(repeat) < 9 else 0,
    )
    if outcome is None:
        raise HTTPException(404, f"The run holds no such answer to {query.get('sample')}.")
    spec = index.asked.spec(outcome.eval)
    return page(
        "review.html.j2",
        title="Review",
        run=run,
        here=address_of(run),
        asking=Asking(outcome.eval, outcome.model),
        machine=machine_of(spec),
        last=None,
        shown=_shown(index, outcome, spec, hides_mark=False),
        panel=panel_of(run, request, outcome),
        single=True,
    )


def _is_current(review: Review, outcomes: Mapping[Place, Outcome | None]) -> bool:
    outcome = outcomes.get(review.place)
    return outcome is not None and review.is_of(outcome)


def _last(
    places: Sequence[Place],
    mine: Mapping[Place, Review],
    outcomes: Mapping[Place, Outcome | None],
    spec: EvalSpec,
) -> dict[str, Any] | None:
    """What was said last, and what the grader says to it."""
    own = [review for place, review in mine.items() if place in places]
    outcome = outcomes[own[-1].place] if own else None
    if outcome is None:
        return None
    mark = verdict_of(outcome, spec.task) or "nothing"
    opinion = own[-1].opinion
    return {
        "opinion": opinion,
        "mark": mark,
        "agrees": None if opinion == "unsure" else opinion == mark,
        "number": places.index(own[-1].place) + 1,
    }


def _shown(index: JournalIndex, outcome: Outcome, spec: EvalSpec, *, hides_mark: bool) -> Shown:
    samples, missing = index.samples(outcome.eval, [outcome.sample_id])
    sample: Sample | None = samples.get(outcome.sample_id)
    said = outcome.completion
    score = next(iter(outcome.scores.values()), None)
    return Shown(
        sample_id=outcome.sample_id,
        model=outcome.model,
        messages=[
            (str(one.get("role")), content_text(one.get("content")))
            for one in (sample.messages if sample else ())
        ],
        answer=said.text if said else "",
        calls="\n".join(_call(one) for one in said.tool_calls) if said else "",
        ideal=sample.ideal if sample else (),
        missing=missing,
        mark="" if hides_mark else verdict_of(outcome, spec.task) or "no mark",
        reason="" if hides_mark or score is None else score.reason or "",
    )


def _call(one: Mapping[str, Any]) -> str:
    function = one.get("function")
    if not isinstance(function, Mapping):
        return str(one)
    return f"{function.get('name')}({function.get('arguments')})"


# --- who agrees with whom ------------------------------------------------------------


def _agreement(site: Site, answered: Answered, request: Request) -> Response:
    run = site.run(request)
    index = site.indexes.of(run)
    if is_being_read(index):
        return page("reading.html.j2", title="Reviews", run=run, here=address_of(run))
    reviews = read_reviews(run.folder)
    outcomes = answered.of(run, index, [review.place for review in reviews])
    raters = list(raters_of(run.folder.read(), reviews, outcomes.get))
    other = request.query_params.get("with", "")
    compared, fault = _compared(site, run, other)
    tracks = index.tracks()
    return page(
        "reviews.html.j2",
        title="Reviews",
        run=run,
        here=address_of(run),
        raters=raters,
        compared=compared,
        fault=fault,
        other=other,
        runs={one.slug: one.name for one in site.runs.all() if one.slug != run.slug},
        evals=list(dict.fromkeys(track.eval for track in tracks)),
        models=model_groups(site.summaries.about(run), (track.model for track in tracks)),
        sizes=SIZES,
        usual_size=USUAL_SIZE,
        reviewer=reviewer_of(request),
        count=len(reviews),
        people=len({review.reviewer for review in reviews}),
        fewest=FEWEST,
        trusted=TRUSTED,
        page_of=lambda place: page_of(run, place),
    )


def _compared(site: Site, run: Run, other: str) -> tuple[list[Raters], str]:
    """The marks of another run on the same answers, and what is wrong where there are none."""
    if not other:
        return [], ""
    found = site.runs.find(other)
    if found is None:
        return [], f"There is no run named {other} here."
    try:
        raters = list(between_runs(run.folder, found.folder, (run.name, found.name)))
    except (RunFolderError, HarnessError) as error:
        return [], str(error)
    return raters, "" if raters else f"{found.name} holds none of this run's answers."
