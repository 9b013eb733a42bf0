"""The verdict of a report on one screen."""

from __future__ import annotations

import dataclasses
import io
import itertools

import pytest

from harness.cli.terminal import Screen
from harness.cli.verdict import MOST_LINES, verdict
from harness.records import Advice, Comparison, Estimate, Finding, Round
from harness.reports import sections
from harness.reports.document import Document, Exclusion, Provenance, Result, Section
from tests.reports.conftest import (
    PAYLOAD,
    contest_document,
    demo_document,
    poisoned,
    repeated,
    run_document,
)

HALF = Estimate(0.5, 0.4, 0.6, 100, "Wilson")
WIDTHS = (40, 60, 80, 120)


def screen(width: int = 80, *, ascii: bool = False) -> Screen:
    return Screen(io.StringIO(), width, ascii)


def document(*sections: Section, **fields) -> Document:
    return Document("run", "", sections, Provenance("harness run", "0.1", "x", "base"), **fields)


def section(*results: Result, **fields) -> Section:
    return Section("colours", "one-answer", "", "accuracy", "base", results=results, **fields)


def result(model: str = "base", excluded: int = 0, **metrics: Estimate) -> Result:
    return Result("colours", "one-answer", model, None, None, metrics, excluded)


def told(document: Document, width: int = 80, **fields) -> str:
    return "\n".join(line.plain for line in verdict(document, screen(width, **fields)))


def alone(document: Document) -> Document:
    return dataclasses.replace(document, sections=document.sections[:1])


DOCUMENTS = {
    "study": demo_document(),
    "study of one eval": alone(demo_document()),
    "study of 60 evals": repeated(demo_document(), 20),
    "run": run_document(),
    "run of 60 evals": repeated(run_document(), 15),
    "comparison": contest_document(),
    "comparison of 60 evals": repeated(contest_document(), 20),
    "hostile study": poisoned(demo_document(), PAYLOAD),
    "hostile run": poisoned(run_document(), PAYLOAD),
    "hostile comparison": poisoned(contest_document(), PAYLOAD),
    "endless words": poisoned(contest_document(), "W" * 5_000),
    "wide letters": poisoned(demo_document(), "日本語" * 90),
    "nothing": document(),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_verdict_fits_the_screen(name: str, width: int) -> None:
    for plain in (False, True):
        lines = verdict(DOCUMENTS[name], screen(width, ascii=plain))
        assert len(lines) <= MOST_LINES
        assert max((line.cell_len for line in lines), default=0) <= width
        assert all(line.plain.isprintable() for line in lines)


@pytest.mark.parametrize("most", [3, 8, 15])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_verdict_takes_no_more_lines_than_it_is_given(name: str, most: int) -> None:
    assert len(verdict(DOCUMENTS[name], screen(), most)) <= most


@pytest.mark.parametrize("name", ["study", "run", "comparison", "run of 60 evals"])
def test_plain_output_is_ascii(name: str) -> None:
    assert told(DOCUMENTS[name], ascii=True).isascii()


def test_a_study_says_its_verdict_its_course_and_its_gain() -> None:
    lines = told(DOCUMENTS["study"]).splitlines()
    assert lines[0] == "orders: accuracy 48% ▄▅▆▆▇▆ 72%"
    assert lines[1] == "  Keep: ship the checkpoint of epoch 5"
    assert lines[4].startswith("  against base   ")
    assert lines[4].endswith("+33 points (+28 to +39)  p < .001")
    assert lines[5] == "  after epoch 1: 2 more, 2: 2 more, 3: 1 more, 5: keep, 8: 2 fewer"
    assert "warn: orders: 2 training examples are longer than the limit" in lines


def test_a_study_of_one_eval_shows_every_epoch_count_with_its_interval() -> None:
    text = told(DOCUMENTS["study of one eval"])
    assert "before tuning" in text
    rows = [line for line in text.splitlines() if line.startswith("  after ")]
    assert [row.split()[1] for row in rows] == ["1", "2", "3", "5", "8"]
    assert all("●" in row for row in rows)
    assert rows[-1].endswith("72% (65 to 79%)  2 fewer")


def test_the_base_model_has_the_score_of_its_best_prompt_beside_its_own() -> None:
    from harness.records import Prompting, PromptScore

    one = alone(demo_document())
    prompts = (PromptScore("of the data", HALF, 20), PromptScore("longer", HALF, 90))
    best = Estimate(0.83, 0.8, 0.9, 100, "corrected")

    def before(name: str) -> str:
        weighed = Prompting("orders", "base", prompts, name, best)
        section = dataclasses.replace(one.sections[0], prompting=weighed)
        shown = told(dataclasses.replace(one, sections=(section,)), 120)
        return next(line for line in shown.splitlines() if "before tuning" in line)

    assert "83% with prompt 'longer'" in before("longer")
    assert "prompt" not in before("of the data")


def test_a_base_model_that_is_drawn_as_a_line_is_there_once() -> None:
    one = DOCUMENTS["study of one eval"].sections[0]
    panel = one.panels[0]
    base = next(s for s in panel.series if s.role == "base")
    across = dataclasses.replace(
        base, points=(base.points[0], dataclasses.replace(base.points[0], epoch=8.5))
    )
    series = tuple(across if s is base else s for s in panel.series)
    drawn = dataclasses.replace(one, panels=(dataclasses.replace(panel, series=series),))
    assert "8.5" not in told(document(drawn))


def test_what_has_no_room_is_counted_and_the_urgent_comes_first() -> None:
    lines = told(DOCUMENTS["comparison of 60 evals"]).splitlines()
    assert "… 60 more in the report; of all: 20 better, 20 worse, 20 no clear difference" in lines
    assert "orders" in lines[0]
    assert "adapter-2" in lines[1]
    run = told(DOCUMENTS["run of 60 evals"]).splitlines()
    assert run[0].endswith("no sample has a mark  20 excluded")


def test_a_run_says_its_score_and_what_was_left_out() -> None:
    lines = told(
        document(
            section(
                result(accuracy=HALF, excluded=3),
                exclusions=(Exclusion("base", "rate_limited", 3, "slow\x1b[31m down"),),
            )
        )
    ).splitlines()
    assert lines[0] == "colours"
    assert lines[1].startswith("  accuracy  ")
    assert lines[1].endswith("50% (40 to 60%)  100 samples, 3 excluded")
    assert lines[2] == "  3 samples rate limited: slow [31m down"


def test_metrics_and_fields_do_not_flood_the_terminal() -> None:
    fields = {f"field:{i}": HALF for i in range(40)}
    further = dict.fromkeys("abcdefgh", HALF)
    lines = told(document(section(result(accuracy=HALF, **further, **fields)))).splitlines()
    assert lines[2] == "  a 50%, b 50%, c 50%, d 50%, 4 more, 40 fields, all 50%"
    assert len(lines) == 3


def test_a_run_without_marks_or_answers_says_so() -> None:
    unmarked = told(document(section(result(excluded=20))))
    assert unmarked.endswith("no sample has a mark  20 excluded")
    assert told(document(section())) == "colours: nothing was answered"


def comparison(tuned: str, value: float = 0.2) -> Comparison:
    delta = Estimate(value, value - 0.1, value + 0.1, 100, "Tango")
    return Comparison(
        "colours", "base", tuned, "accuracy", HALF, HALF, delta, 0.003, 1, fixed=25, broken=5
    )


def test_a_comparison_says_its_sentence_scores_and_flips() -> None:
    one = section(result(accuracy=HALF), comparisons=(comparison("x"), comparison("y", -0.2)))
    lines = told(document(one), 100).splitlines()
    assert lines[0] == "colours: accuracy against base"
    assert lines[1].endswith("+20 points (+10 to +30)  better")
    assert lines[2] == (
        "  The tuned model is better than base by 10 to 30 points; 100 samples, 1 excluded."
    )
    assert lines[3] == "  50% → 50%; p = .003; 25 fixed, 5 broken"
    assert lines[4].endswith("−20 points (−30 to −10)  worse")
    assert lines[1].index("●") > lines[4].index("●")


def test_a_comparison_without_shared_marks_gives_the_scores() -> None:
    one = section(result(accuracy=HALF), result("x", excluded=100))
    lines = told(document(one)).splitlines()
    assert lines[1] == "  nothing to compare: no sample has a mark from both models"
    assert lines[2].startswith("  base ")
    assert lines[3].endswith("no sample has a mark  100 excluded")


def test_the_same_warning_is_given_once_and_many_are_counted() -> None:
    same = Finding("x", "warn", "the same", {})
    others = tuple(Finding("x", "warn", f"other {i}", {}) for i in range(5))
    text = told(document(section(), findings=(same, same, *others)))
    assert text.count("the same") == 1
    assert "4 more warnings are in the report" in text


LONG = Finding("x", "warn", "less diverse " * 9 + "than the base model", {})


def test_a_long_warning_takes_more_lines_where_there_is_room_and_else_ends_behind_a_word() -> None:
    some = document(section(), findings=(LONG,))
    assert told(some).endswith(
        "\n  diverse less diverse less diverse less diverse than the base model"
    )
    full = document(section(), section(), findings=(LONG,))
    assert verdict(full, screen(), 4)[-1].plain.endswith("diverse less…")


def test_a_log_has_every_warning_whole() -> None:
    log = dataclasses.replace(screen(40), whole=True)
    for most in (3, MOST_LINES):
        lines = verdict(document(section(), findings=(LONG,)), log, most)
        assert lines[-1].plain == f"warn: {LONG.message}"
    for name in ("study", "comparison", "run of 60 evals"):
        lines = verdict(DOCUMENTS[name], log)
        assert len(lines) <= MOST_LINES
        assert not any(line.plain.endswith("…") for line in lines)


def test_rounds_before_are_a_line_each() -> None:
    advice = Advice("orders", "m", 2, 1, "train longer", 5, "underfit", "high", (), "more")
    rounds = tuple(Round(n, "orders", "orders", 2.0, advice) for n in range(1, 9))
    text = told(document(section(), rounds=rounds))
    assert text.splitlines()[-1] == "round 8  orders  2 epochs  no score  +1 epoch: underfit"
    assert text.count("round ") == 5


def test_a_note_gives_way_before_numbers_do() -> None:
    for width, name in itertools.product(WIDTHS[1:], ("run", "comparison")):
        assert "(74 to 88%)" in told(run_document(), width), name
        assert "+33 points (+28 to +39)" in told(contest_document(), width), name


def test_numbers_of_one_seed_stand_apart_from_means_of_all() -> None:
    shown = demo_document()
    orders = shown.sections[0]
    lead, wanted = orders.advice[-2], sections.verdict(orders).comparison
    assert wanted is not None
    other = dataclasses.replace(wanted, tuned="other")
    result = next(one for one in orders.results if one.model == wanted.tuned)
    seeds = (
        dataclasses.replace(result, seed=2),
        dataclasses.replace(result, seed=1, model="other"),
    )
    seeded = dataclasses.replace(orders, comparisons=(wanted, other), results=seeds)
    lines = told(dataclasses.replace(shown, sections=(seeded, *shown.sections[1:])), 100)
    assert lead.checkpoint == wanted.tuned
    assert "seed 2 against base" in lines
    assert "(mean of 2 seeds, to the last epoch)" in lines
