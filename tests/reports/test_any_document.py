"""What every renderer promises for any document that the types allow."""

from __future__ import annotations

import json
import math
from typing import get_args

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.records import Advice, Comparison, Confidence, Estimate, Fact, Finding, Severity, Task
from harness.reports.document import (
    Copy,
    Document,
    Exclusion,
    Flip,
    FlipKind,
    Gallery,
    Miss,
    Panel,
    Phrase,
    Point,
    Provenance,
    Repetition,
    Result,
    Role,
    Section,
    Series,
    Unit,
)
from harness.reports.html import render_html
from harness.reports.json import SCHEMA, render_json
from harness.reports.markdown import render_markdown

SOME = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TEXT = st.text(max_size=12)
COUNT = st.integers(min_value=0, max_value=10**12)
MAYBE_TEXT = st.none() | TEXT
NUMBER = st.floats(-1e9, 1e9) | st.sampled_from([math.nan, math.inf, -math.inf])
ESTIMATE = st.builds(Estimate, value=NUMBER, low=NUMBER, high=NUMBER, n=COUNT, method=TEXT)
EPOCHS = st.sampled_from([0, 1, 2.5, 5]) | NUMBER


def some(strategy, most: int = 2):
    return st.lists(strategy, max_size=most).map(tuple)


def one_of(literal):
    return st.sampled_from(get_args(literal))


def by_name(values):
    return st.dictionaries(TEXT, values, max_size=2)


FINDING = st.builds(
    Finding,
    rule=TEXT,
    severity=one_of(Severity),
    message=TEXT,
    evidence=by_name(st.floats() | TEXT | st.lists(st.integers(), max_size=2)),
)
ADVICE = st.builds(
    Advice,
    eval=TEXT,
    model=TEXT,
    epochs=EPOCHS,
    recommend=st.integers(-2, 2),
    action=TEXT,
    rule=st.integers(1, 25),
    diagnosis=TEXT,
    confidence=one_of(Confidence),
    evidence=some(st.builds(Fact, name=TEXT, estimate=st.none() | ESTIMATE, reading=TEXT)),
    would_change=TEXT,
    checkpoint=MAYBE_TEXT,
    checkpoint_epoch=st.none() | EPOCHS,
    cost=MAYBE_TEXT,
    dissent=some(TEXT),
)
SERIES = st.builds(
    Series,
    name=TEXT,
    role=one_of(Role),
    points=some(st.builds(Point, epoch=EPOCHS, estimate=ESTIMATE), 3),
)
COMPARISON = st.builds(
    Comparison,
    eval=TEXT,
    base=TEXT,
    tuned=TEXT,
    metric=TEXT,
    base_score=ESTIMATE,
    tuned_score=ESTIMATE,
    delta=ESTIMATE,
    p_value=st.floats(),
    excluded=COUNT,
    fixed=st.none() | COUNT,
    broken=st.none() | COUNT,
)
FLIP = st.builds(
    Flip,
    kind=one_of(FlipKind),
    sample_id=TEXT,
    prompt=TEXT,
    ideal=TEXT,
    base_text=TEXT,
    tuned_text=TEXT,
    tuned_model=TEXT,
)
PHRASE = st.builds(Phrase, text=TEXT, answers=COUNT, share=st.floats(), prompts=COUNT)
SECTION = st.builds(
    Section,
    eval=TEXT,
    task=one_of(Task),
    description=TEXT,
    metric=TEXT,
    base=TEXT,
    advice=some(ADVICE),
    panels=some(
        st.builds(Panel, title=TEXT, unit=one_of(Unit), series=some(SERIES), takeaway=TEXT), 2
    ),
    results=some(
        st.builds(
            Result,
            eval=TEXT,
            task=one_of(Task),
            model=TEXT,
            epochs=st.none() | EPOCHS,
            seed=st.none() | st.integers(),
            metrics=by_name(ESTIMATE),
            excluded=COUNT,
            units=by_name(one_of(Unit)),
        )
    ),
    comparisons=some(COMPARISON),
    flips=some(FLIP),
    flips_omitted=COUNT,
    galleries=some(st.builds(Gallery, sample_id=TEXT, prompt=TEXT, answers=by_name(some(TEXT, 3)))),
    exclusions=some(st.builds(Exclusion, model=TEXT, kind=TEXT, count=COUNT, example=TEXT)),
    findings=some(FINDING),
    misses=some(
        st.builds(
            Miss,
            sample_id=TEXT,
            prompt=TEXT,
            ideal=TEXT,
            answer=TEXT,
            mark=st.floats(),
            reason=TEXT,
        )
    ),
    misses_omitted=COUNT,
    repetitions=some(
        st.builds(
            Repetition,
            label=TEXT,
            model=TEXT,
            answers=COUNT,
            phrases=some(PHRASE),
            openings=some(PHRASE),
        )
    ),
    copies=some(
        st.builds(
            Copy,
            model=TEXT,
            sample_id=TEXT,
            prompt=TEXT,
            answer=TEXT,
            training=TEXT,
            run=TEXT,
            tokens=COUNT,
        )
    ),
    copies_omitted=COUNT,
)
DOCUMENT = st.builds(
    Document,
    title=TEXT,
    description=TEXT,
    sections=some(SECTION),
    provenance=st.builds(
        Provenance,
        command=TEXT,
        harness_version=TEXT,
        provider=TEXT,
        base=TEXT,
        seeds=some(st.integers()),
        created_at=MAYBE_TEXT,
        study_hash=MAYBE_TEXT,
        files=by_name(TEXT),
        requests=COUNT,
        prompt_tokens=COUNT,
        completion_tokens=COUNT,
        cost_usd=st.none() | st.floats(),
    ),
    findings=some(FINDING),
)

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


@SOME
@given(DOCUMENT)
def test_json_follows_its_schema(document: Document):
    VALIDATOR.validate(json.loads(render_json(document).encode()))


@SOME
@given(DOCUMENT)
def test_markdown_names_every_eval_once_as_a_heading(document: Document):
    headings = [line for line in render_markdown(document).splitlines() if line.startswith("## ")]
    assert len(headings) == len(document.sections) + 1


@SOME
@given(DOCUMENT)
def test_html_opens_with_every_eval_and_has_a_chapter_for_it(document: Document):
    page = render_html(document)
    page.encode()
    opening = page[page.index('<section id="verdicts"') : page.index('<nav class="contents"')]
    for number in range(1, len(document.sections) + 1):
        assert f'href="#eval-{number}"' in opening
    assert page.count('<section class="eval"') == len(document.sections) + 2
    assert page.count("<script>") == 1
