from __future__ import annotations

from harness.cli.studyview import lines_of, show_document
from harness.records import Comparison, Estimate
from harness.reports.document import Document, Exclusion, Provenance, Result, Section

HALF = Estimate(0.5, 0.4, 0.6, 100, "Wilson")


def section(*results: Result, **fields) -> Section:
    return Section("colours", "one-answer", "", "accuracy", "base", results=results, **fields)


def result(model: str = "base", excluded: int = 0, **metrics: Estimate) -> Result:
    return Result("colours", "one-answer", model, None, None, metrics, excluded)


def told(section: Section) -> list[str]:
    return [line.plain.strip() for line in lines_of(section)]


def test_a_run_says_its_score_and_what_was_left_out() -> None:
    lines = told(
        section(
            result(accuracy=HALF, excluded=3),
            exclusions=(Exclusion("base", "rate_limited", 3, "slow\x1b[31m down"),),
        )
    )
    assert lines == [
        "accuracy 50% (40 to 60%); 100 samples, 3 excluded",
        "3 samples rate limited: slow [31m down",
    ]


def test_metrics_and_fields_do_not_flood_the_terminal() -> None:
    fields = {f"field:{i}": HALF for i in range(40)}
    further = dict.fromkeys("abcdefgh", HALF)
    lines = told(section(result(accuracy=HALF, **further, **fields)))
    assert lines[1] == "a 50%, b 50%, c 50%, d 50%, 4 more, 40 fields, all 50%"
    assert len(lines) == 2


def test_a_run_without_marks_or_answers_says_so() -> None:
    assert told(section(result(excluded=20))) == ["no sample has a mark; 20 excluded"]
    assert told(section()) == ["nothing was answered"]


def comparison(tuned: str) -> Comparison:
    delta = Estimate(0.2, 0.1, 0.3, 100, "Tango")
    return Comparison(
        "colours", "base", tuned, "accuracy", HALF, HALF, delta, 0.003, 1, fixed=25, broken=5
    )


def test_a_comparison_says_its_sentence_scores_and_flips() -> None:
    lines = told(section(result(accuracy=HALF), comparisons=(comparison("x"), comparison("y"))))
    assert lines[:2] == [
        "x: The tuned model is better than base by 10 to 30 points; 100 samples, 1 excluded.",
        "accuracy 50% → 50%; p = .003; 25 fixed, 5 broken",
    ]
    assert len(lines) == 4


def test_a_comparison_without_shared_marks_gives_the_scores() -> None:
    lines = told(section(result(accuracy=HALF), result("x", excluded=100)))
    assert lines == [
        "nothing to compare: no sample has a mark from both models",
        "base: accuracy 50% (40 to 60%); 100 samples, none excluded",
        "x: no sample has a mark; 100 excluded",
    ]


def test_sixty_evals_take_two_lines_each(capsys) -> None:
    one = section(result(accuracy=HALF))
    origin = Provenance("harness run", "0.1", "embedded", "base")
    show_document(Document("run", "", (one,) * 60, origin))
    assert len(capsys.readouterr().out.strip().splitlines()) == 120
