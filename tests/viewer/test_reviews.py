"""Reviews by the viewer's pages, without a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.reviewing.raters import FEWEST
from harness.pipeline.reviewing.reviews import ANONYMOUS, read_reviews
from harness.viewer.reviewing import COOKIE, in_random_order
from tests.small_run import EVAL, TUNED, answer, made_run, outcome, tuned_mark

Viewer = Callable[[Path], TestClient]
QUEUE = f"/runs/run/review?eval={EVAL}&model={TUNED}&size=20"
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return made_run(tmp_path / "run", 60)


@pytest.fixture
def client(tmp_path: Path, folder: RunFolder, viewer: Viewer) -> TestClient:
    """The viewer, when it has read the journal: on a busy machine that takes a moment."""
    client = viewer(tmp_path)
    while "being read" in client.get("/runs/run/reviews").text:
        time.sleep(0.05)
    return client


def form_of(text: str) -> dict[str, str]:
    """What the first panel of a page sends beside the verdict."""
    panel = text.partition('class="review"')[2].partition("</form>")[0]
    return {name: unescape(value) for name, value in HIDDEN.findall(panel)}


def send(client: TestClient, page: str, opinion: str = "right", **more: str) -> object:
    form = form_of(client.get(page).text)
    return client.post("/runs/run/reviews", data={**form, "opinion": opinion, **more})


def test_a_review_is_kept_beside_the_run_and_leads_to_the_next_answer(
    client: TestClient, folder: RunFolder
) -> None:
    journal = folder.journal.read_bytes()
    first = client.get(QUEUE)
    assert "0 of 20" in first.text
    answered = client.post(
        "/runs/run/reviews",
        data={**form_of(first.text), "opinion": "wrong", "note": " why <b> ", "reviewer": "Ana Ü"},
    )
    assert answered.status_code == 303
    (review,) = read_reviews(folder)
    assert (review.opinion, review.note, review.reviewer) == ("wrong", "why <b>", "Ana Ü")
    assert (review.drawn, review.blind, review.eval) == (True, True, EVAL)
    after = client.get(answered.headers["location"])
    assert "1 of 20" in after.text
    assert form_of(after.text)["sample_id"] != review.sample_id
    assert 'value="Ana Ü"' in after.text
    assert folder.journal.read_bytes() == journal


def test_the_graders_mark_is_hidden_until_one_has_judged(client: TestClient) -> None:
    before = client.get(QUEUE).text
    assert "is hidden until you have judged" in before
    assert "The grader says" not in before
    send(client, QUEUE, "unsure")
    assert "you said unsure, the grader says" in client.get(QUEUE).text
    assert "The grader says" in client.get(f"{QUEUE}&at=1").text


def test_a_mark_that_is_asked_for_is_shown_and_noted(client: TestClient, folder: RunFolder) -> None:
    send(client, f"{QUEUE}&at=1")
    send(client, f"{QUEUE}&at=1", "wrong")  # it is shown by now
    (review,) = read_reviews(folder)
    assert (review.opinion, review.blind) == ("wrong", False)


def test_everybody_gets_the_same_answers_and_none_without_a_mark(
    client: TestClient, folder: RunFolder, tmp_path: Path, viewer: Viewer
) -> None:
    def drawn(of: TestClient, who: str) -> list[str]:
        found = []
        for _ in range(20):
            found.append(form_of(of.get(QUEUE).text)["sample_id"])
            send(of, QUEUE, reviewer=who)
        assert "All 20 are reviewed" in of.get(QUEUE).text
        return found

    ana = drawn(client, "ana")
    assert len(set(ana)) == 20
    assert all(tuned_mark(int(key.rpartition(".")[2])) is not None for key in ana)
    assert ana != sorted(ana)
    assert drawn(viewer(tmp_path), "bo") == ana
    text = client.get("/runs/run/reviews").text
    assert "20 <small>drawn" in text
    assert "<bdi" in text


def test_agreement_is_told_with_its_disagreements(client: TestClient) -> None:
    for _ in range(2 * FEWEST):
        form = form_of(client.get(QUEUE.replace("20", "50")).text)
        mark = tuned_mark(int(form["sample_id"].rpartition(".")[2]))
        client.post("/runs/run/reviews", data={**form, "opinion": "right" if mark else "wrong"})
    text = client.get("/runs/run/reviews").text
    assert "can stand in for people" in text
    assert "1.00 <small>" in text
    assert "disagreement" not in text
    send(client, f"{QUEUE}&at=1", "wrong")
    send(client, f"{QUEUE}&at=2", "wrong")
    assert "disagreement" in client.get("/runs/run/reviews").text


def test_a_script_gets_an_answer_instead_of_a_page(client: TestClient) -> None:
    form = form_of(client.get(QUEUE).text)
    answered = client.post(
        "/runs/run/reviews",
        data={**form, "opinion": "unsure"},
        headers={"accept": "application/json"},
    )
    assert answered.json() == {"opinion": "unsure", "reviewer": ANONYMOUS}
    assert COOKIE not in answered.cookies


def test_one_answer_can_be_looked_at_and_marked(client: TestClient, folder: RunFolder) -> None:
    page = f"/runs/run/review?eval={EVAL}&model={TUNED}&sample=colours.test.3&repeat=0"
    text = client.get(page).text
    assert answer(TUNED, 3) in text
    assert "red 3" in text
    assert "The grader says <strong>wrong" in text
    answered = send(client, page)
    assert answered.headers["location"].startswith("/runs/run/review?")  # type: ignore[attr-defined]
    (review,) = read_reviews(folder)
    assert not review.drawn


def test_every_answer_on_a_samples_page_has_its_panel(client: TestClient) -> None:
    text = client.get(f"/runs/run/samples/{EVAL}/colours.test.3?model={TUNED}").text
    assert text.count('class="review"') == 2
    assert text.count("data-review-current") == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"opinion": "perhaps"}, 422),
        ({"sample_id": "colours.test.999"}, 404),
        ({"text_hash": "of another text"}, 409),
        ({"repeat": "x"}, 303),
        ({"note": "x" * 5000}, 422),
        ({"note": "x" * 100_000}, 413),
    ],
)
def test_what_makes_no_sense_is_refused(
    client: TestClient, folder: RunFolder, change: dict[str, str], status: int
) -> None:
    form = form_of(client.get(QUEUE).text)
    answered = client.post("/runs/run/reviews", data={**form, "opinion": "right", **change})
    assert answered.status_code == status
    assert len(read_reviews(folder)) == (status == 303)


@pytest.mark.parametrize(
    "back", ["https://elsewhere.example/", "//elsewhere.example/", "/runs/\\x", "/runs/a\r\nb: c"]
)
def test_a_review_leads_to_no_other_place(client: TestClient, back: str) -> None:
    form = form_of(client.get(QUEUE).text)
    answered = client.post("/runs/run/reviews", data={**form, "opinion": "right", "back": back})
    assert answered.headers["location"] == "/runs/run/reviews"


def test_another_site_cannot_review(client: TestClient, folder: RunFolder) -> None:
    form = form_of(client.get(QUEUE).text)
    answered = client.post(
        "/runs/run/reviews",
        data={**form, "opinion": "right"},
        headers={"origin": "https://elsewhere.example"},
    )
    assert answered.status_code == 403
    assert read_reviews(folder) == ()


def test_marks_of_two_runs_are_compared(client: TestClient, tmp_path: Path) -> None:
    made_run(tmp_path / "strict", 60, marks=(lambda n: 0.0, tuned_mark))
    text = client.get("/runs/run/reviews?with=strict").text
    assert "run and strict agree on 99 of 114 answers" in text.lower()
    assert "no run named nobody" in client.get("/runs/run/reviews?with=nobody").text


def test_an_answer_that_was_replaced_is_reviewed_anew(
    client: TestClient, folder: RunFolder
) -> None:
    from harness.running.lines import line_of

    send(client, QUEUE)
    assert "1 of 20" in client.get(QUEUE).text
    number = int(read_reviews(folder)[0].sample_id.rpartition(".")[2])
    with folder.journal.open("ab") as file:
        file.write(line_of(outcome(TUNED, number, 1.0, text="another")))
    assert "0 of 20" in client.get(QUEUE).text


def test_hostile_texts_stay_text(tmp_path: Path, viewer: Viewer) -> None:
    bad = "<script>alert(1)</script>"
    lines: list[dict[str, object]] = [{"input": bad, "ideal": bad} for _ in range(3)]
    made_run(tmp_path / "run", lines=lines)
    client = viewer(tmp_path)
    send(client, QUEUE, note=bad, reviewer=bad)
    for page in (QUEUE, "/runs/run/reviews", f"{QUEUE}&at=1"):
        assert bad not in client.get(page).text


def test_a_draw_is_a_permutation_whose_beginning_does_not_depend_on_its_end() -> None:
    assert sorted(in_random_order(500)) == list(range(500))
    numbers = in_random_order(10**9)
    assert len({next(numbers) for _ in range(50)}) == 50
    assert list(in_random_order(0)) == []
