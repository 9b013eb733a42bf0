"""What people say of answers, kept beside the run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import RunFolderError, UsageError
from harness.pipeline.folder.runfolder import FILES, Footprint, RunFolder
from harness.pipeline.reviewing.reviews import (
    Review,
    add_review,
    answer_hash,
    read_reviews,
    verdict_of,
    verdict_of_people,
)
from harness.records import Completion, Score
from tests.small_run import EVAL, TUNED, made_run, outcome

FIRST = outcome(TUNED, 1, 1.0)
REVIEW = Review(
    *(EVAL, TUNED, FIRST.sample_id, 0, FIRST.request_key, answer_hash(FIRST)),
    "right",
    "ana",
    "2026-01-01T00:00:00+00:00",
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_what_was_written_is_read_back(folder: RunFolder) -> None:
    review = replace(REVIEW, note="ünïcode \u2028 <b>", drawn=True, blind=True)
    add_review(folder, review)
    assert read_reviews(folder) == (review,)


def test_the_last_word_of_a_reviewer_counts_and_others_stay(folder: RunFolder) -> None:
    for review in (REVIEW, replace(REVIEW, reviewer="bo"), replace(REVIEW, opinion="wrong")):
        add_review(folder, review)
    said = {review.reviewer: review.opinion for review in read_reviews(folder)}
    assert said == {"ana": "wrong", "bo": "right"}
    assert len(folder.reviews.read_bytes().splitlines()) == 3


def test_a_torn_line_is_passed_over_and_not_continued(folder: RunFolder) -> None:
    add_review(folder, REVIEW)
    whole = folder.reviews.read_bytes()
    folder.reviews.write_bytes(whole + whole[:40])
    add_review(folder, replace(REVIEW, reviewer="bo"))
    assert [review.reviewer for review in read_reviews(folder)] == ["ana", "bo"]


@pytest.mark.parametrize(
    "line", ["[]", "{}", '{"eval": 1}', "\x00", '{"opinion": {}}', '{"eval":"a","model":[]}']
)
def test_lines_that_are_no_reviews_are_passed_over(folder: RunFolder, line: str) -> None:
    folder.reviews.write_text(line + "\n")
    add_review(folder, REVIEW)
    assert read_reviews(folder) == (REVIEW,)


def test_no_file_is_no_reviews(folder: RunFolder) -> None:
    assert read_reviews(folder) == ()


def test_other_verdicts_and_endless_notes_are_refused(folder: RunFolder) -> None:
    with pytest.raises(UsageError, match="no verdict"):
        add_review(folder, replace(REVIEW, opinion="perhaps"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at most"):
        add_review(folder, replace(REVIEW, note="x" * 5000))
    assert not folder.reviews.exists()


def test_a_link_out_of_the_run_is_neither_read_nor_written(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_text("")
    (tmp_path / "run").mkdir()
    folder = RunFolder(tmp_path / "run")
    folder.reviews.symlink_to(elsewhere)
    with pytest.raises(RunFolderError):
        add_review(folder, REVIEW)
    with pytest.raises(RunFolderError):
        read_reviews(folder)
    assert elsewhere.read_text() == ""


def test_writers_in_several_processes_lose_nothing(folder: RunFolder) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from harness.pipeline.folder.beside import append_line\n"
        "for n in range(60): append_line(Path(sys.argv[1]), {'n': n, 'x': 'y' * 9000})"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(folder.reviews)]) for _ in range(3)
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    from harness.pipeline.folder.beside import lines_in

    assert sorted(line["n"] for line in lines_in(folder.reviews)) == sorted([*range(60)] * 3)


def test_a_review_is_of_a_text_not_of_a_place() -> None:
    assert REVIEW.is_of(FIRST)
    assert not REVIEW.is_of(outcome(TUNED, 1, 1.0, text="another answer"))
    assert not REVIEW.is_of(replace(FIRST, request_key="another question"))


def test_the_hash_knows_calls_of_functions() -> None:
    said = [{"function": {"name": "f", "arguments": "{}"}}]
    called = replace(FIRST, completion=Completion(FIRST.completion.text, tool_calls=tuple(said)))  # type: ignore[union-attr]
    assert answer_hash(called) != answer_hash(FIRST)


def test_what_counts_as_right_is_all_right_or_what_the_grader_calls_good() -> None:
    def marked(value: float | None, **details: float) -> Score:
        return Score(value, details=details)

    def verdict(score: Score, task: str = "one-answer") -> str | None:
        return verdict_of(replace(FIRST, scores={"accuracy": score}), task)  # type: ignore[arg-type]

    assert [verdict(marked(value)) for value in (1.0, 0.6, 0.0)] == ["right", "wrong", "wrong"]
    assert verdict(marked(0.6), "open") == "right"
    assert verdict(marked(1.0, good=0.0), "open") == "wrong"
    assert verdict(marked(None)) is None


def test_people_decide_by_majority_and_a_tie_decides_nothing() -> None:
    right, wrong, unsure = (replace(REVIEW, opinion=one) for one in ("right", "wrong", "unsure"))
    assert verdict_of_people([right, right, wrong]) == "right"
    assert verdict_of_people([right, wrong, unsure]) == "unsure"
    assert verdict_of_people([wrong, unsure]) == "wrong"


def test_reviews_outlive_a_run_that_is_begun_anew(tmp_path: Path) -> None:
    assert not {"reviews.jsonl", "copied.jsonl"} & set(FILES)
    before = Footprint.of(tmp_path / "run")
    folder = made_run(tmp_path / "run", samples=1)
    add_review(folder, REVIEW)
    before.withdraw()
    assert not folder.journal.exists()
    assert read_reviews(folder) == (REVIEW,)
