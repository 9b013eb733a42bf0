"""Which samples a page shows, and how much of it they take."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import pytest

from harness.reports.document import Document, Flip, Miss
from harness.reports.html import render_html
from harness.reports.samples import LEAST, ON_PAPER, ROOM, Shown, samples_of


def flips(count: int, model: str = "tuned", prompt: str = "Which queue? ") -> tuple[Flip, ...]:
    kinds = ("fixed", "fixed", "fixed", "broken", "both_wrong")
    return tuple(
        Flip(kinds[i % 5], f"t.{i}", prompt * 20 + str(i), "billing", "no idea", "sales", model)
        for i in range(count)
    )


@pytest.fixture
def with_flips(contest: Document):
    """A document whose evals have these flips."""

    def made(*lists: tuple[Flip, ...], omitted: int = 0) -> Document:
        section = contest.sections[0]
        return dataclasses.replace(
            contest,
            sections=tuple(
                dataclasses.replace(section, flips=one, flips_omitted=omitted) for one in lists
            ),
        )

    return made


def size(shown: Shown) -> int:
    return sum(card.size for card in shown.cards)


def test_a_few_samples_are_all_shown_the_worst_kind_first(document: Document, run: Document):
    shown = samples_of(document)[0].flips
    assert (len(shown.cards), shown.left_out) == (24, 23)
    assert [kind for kind, _, _ in shown.kinds] == ["broken", "fixed", "both_wrong"]
    assert [card.sample_id for card in shown.cards[:2]] == ["orders-002", "orders-006"]
    assert len(samples_of(run)[0].misses.cards) == 13


def test_what_does_not_fit_is_counted_and_said(with_flips):
    (samples,) = samples_of(with_flips(flips(2_000), omitted=500), room=300_000)
    assert len(samples.flips.cards) + samples.flips.left_out == 2_500
    assert re.match(
        r"This page holds \d+ of 2,500 samples, drawn evenly over kinds\.", samples.flips.note
    )


def test_the_room_is_used_and_not_exceeded(with_flips):
    for lists in ([flips(3_000)], [flips(3_000)] * 7, [flips(3), flips(3_000)]):
        shown = [samples.flips for samples in samples_of(with_flips(*lists), room=500_000)]
        assert 490_000 < sum(map(size, shown)) <= 500_000


def test_evals_share_the_room_and_a_small_one_leaves_its_part_to_others(with_flips):
    few, long, short = (
        samples.flips
        for samples in samples_of(
            with_flips(flips(5), flips(900, prompt="A longer question? "), flips(900)), room=300_000
        )
    )
    assert len(few.cards) == 5
    assert abs(size(long) - size(short)) < 3_000
    assert len(long.cards) < len(short.cards)


def test_every_eval_shows_a_few_however_many_there_are(with_flips):
    shown = samples_of(with_flips(*[flips(20)] * 30), room=10)
    assert {len(samples.flips.cards) for samples in shown} == {LEAST}


def test_kinds_and_models_are_shown_evenly_as_long_as_they_last(with_flips):
    mixed = (*flips(600, "one"), *flips(600, "two"), *flips(20, "three"))
    (samples,) = samples_of(with_flips(mixed), room=200_000)
    counts = Counter((card.kind, card.model) for card in samples.flips.cards)
    assert counts["fixed", "three"] == 12
    assert counts["broken", "three"] == 4
    large = [n for (_, model), n in counts.items() if model != "three"]
    assert max(large) - min(large) <= 1
    assert "evenly over kinds and models" in samples.flips.note


def test_the_same_samples_are_shown_every_time_and_not_only_the_first(with_flips):
    once, again = (
        [card.anchor for card in samples_of(with_flips(flips(900)), room=99_000)[0].flips.cards]
        for _ in range(2)
    )
    assert once == again
    numbers = [int(anchor.rpartition(".")[2]) for anchor in once]
    assert max(numbers) > 700


def test_of_wrong_answers_the_worst_are_shown(run: Document):
    section = run.sections[0]
    misses = tuple(Miss(f"m.{i}", "why? " * 50, "", "so", i / 500) for i in range(500))
    one = dataclasses.replace(run, sections=(dataclasses.replace(section, misses=misses),))
    (samples,) = samples_of(one, room=50_000)
    count = len(samples.misses.cards)
    assert 20 < count < 200
    assert [card.sample_id for card in samples.misses.cards] == [f"m.{i}" for i in range(count)]
    assert "the worst first" in samples.misses.note


def test_paper_takes_some_of_every_kind(with_flips):
    (samples,) = samples_of(with_flips(flips(400)))
    printed = Counter(card.kind for card in samples.flips.cards if card.on_paper)
    assert printed == dict.fromkeys(("broken", "fixed", "both_wrong"), ON_PAPER / 3)
    assert samples.flips.paper_note == "60 of the 400 samples on this page are printed."


def test_sizes_are_estimated_well(with_flips):
    answers = {
        "plain": ("sales", "billing"),
        "json": ('{"item": "lamp", "n": 1}', '{"item": "lamp", "city": "Lyon"}'),
        "torn": (" ".join("abcdef" * 9), " ".join("axcxex" * 9)),
        "escaped": ("<b>&'\"" * 30, "<i>" * 30),
        "other script": ("привет мир " * 9, "мир "),
    }
    for base, tuned in answers.values():
        many = tuple(
            dataclasses.replace(flip, base_text=base, tuned_text=tuned) for flip in flips(300)
        )
        document = with_flips(many)
        empty = len(render_html(with_flips(())).encode())
        taken = len(render_html(document).encode()) - empty
        assert 0.9 < size(samples_of(document)[0].flips) / taken < 1.15


def test_a_page_of_a_thousand_samples_and_six_models_is_below_two_megabytes(with_flips):
    five = tuple(flip for i in range(5) for flip in flips(1_000, f"tuned-{i}"))
    document = with_flips(five)
    page = render_html(document).encode()
    assert len(page) < 2_000_000
    assert len(page) > ROOM
