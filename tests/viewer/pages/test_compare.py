"""Any two runs compared; those that cannot be say why and what to do."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from harness.pipeline import report_of, write_reports
from harness.running.journal import Journal
from tests.small_run import BASE, TUNED, made_run, outcome


def page(client, path: str):
    """The page when it is made."""
    answer = client.get(path)
    while answer.status_code == 202:
        answer = client.get(path)
    return answer


def test_two_models_of_two_runs_are_paired(viewer, small_runs: Path) -> None:
    answer = page(viewer(small_runs), f"/compare?a=first&am={BASE}&b=second&bm={TUNED}")
    assert answer.status_code == 200
    assert "better than base" in answer.text or "worse than base" in answer.text
    assert f"first#{BASE}" in answer.text
    assert "sandbox" not in answer.headers["content-security-policy"]
    assert '<a href="/runs/first">' in answer.text
    assert "change=1" in html.unescape(answer.text)


def test_two_models_of_one_run_are_paired(viewer, small_runs: Path) -> None:
    answer = page(viewer(small_runs), f"/compare?a=first&am={BASE}&b=first&bm={TUNED}")
    assert "<h1" in answer.text
    assert answer.status_code == 200


def test_two_ticked_runs_are_compared_at_once_below_the_form(viewer, small_runs: Path) -> None:
    answer = page(viewer(small_runs), "/compare?run=first&run=second")
    assert answer.status_code == 200
    text = answer.text
    assert f'<option value="{TUNED}" selected>' in text
    assert text.index('class="versus"') < text.index("<h1")
    assert "/static/beside.css" in text
    policy = answer.headers["content-security-policy"]
    assert "form-action 'self'" in policy
    assert "style-src 'self' 'sha256-" in policy
    assert "form-action &#x27;none" not in text
    assert "form-action &#39;none" not in text
    assert 'name="am"' in page(viewer(small_runs), "/compare?a=first&b=second&change=1").text


def test_within_one_run_the_base_is_compared_with_the_model_to_use(
    viewer, small_runs: Path
) -> None:
    text = page(viewer(small_runs), "/compare?run=first&run=first").text
    assert f'<option value="{BASE}" title="{BASE}" selected>' in text
    assert f'<option value="{TUNED}" selected>' in text


def test_where_no_model_is_obvious_it_is_asked_for(viewer, tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder = made_run(tmp_path / name)
        with Journal.open(folder.journal, folder.read().hash, resume=True) as journal:
            journal.append(outcome("third", 1, 1.0))
    answer = viewer(tmp_path).get("/compare?run=first&run=second")
    assert answer.status_code == 200
    assert 'name="am"' in answer.text
    assert "choose one of them next" in answer.text


def test_what_was_obvious_but_cannot_be_compared_leaves_the_choice(viewer, tmp_path: Path) -> None:
    for name, samples in (("first", 12), ("second", 16)):
        folder = made_run(tmp_path / name, samples)
        write_reports(report_of(folder.path), folder.path)
    answer = page(viewer(tmp_path), "/compare?run=first&run=second")
    assert answer.status_code == 200
    assert "answered different held-out data" in answer.text
    assert 'name="am"' in answer.text


@pytest.mark.parametrize(
    "path", ["/compare", "/compare?run=first", "/compare?a=first", "/compare?b=second"]
)
def test_where_a_run_is_missing_it_is_asked_for(viewer, small_runs: Path, path: str) -> None:
    answer = viewer(small_runs).get(path)
    assert answer.status_code == 200
    assert "choose a run" in answer.text


def test_a_run_or_model_that_is_not_there_is_said(viewer, small_runs: Path) -> None:
    text = viewer(small_runs).get("/compare?a=gone&b=second&bm=other").text
    assert "There is no run named" in text
    assert "It holds no answers of" in text


def test_other_held_out_data_are_a_page_with_the_repair(viewer, tmp_path: Path) -> None:
    made_run(tmp_path / "a", 12)
    made_run(tmp_path / "b", 16)
    client = viewer(tmp_path)
    answer = page(client, f"/compare?a=a&am={BASE}&b=b&bm={BASE}")
    assert answer.status_code == 422
    assert "answered different held-out data" in answer.text
    assert "run one of them again" in answer.text
    assert "Choose others" in answer.text


def test_a_folder_with_a_hash_sign_is_refused_in_words(viewer, tmp_path: Path) -> None:
    made_run(tmp_path / "a#b", 12)
    answer = viewer(tmp_path).get(f"/compare?a=a%23b&am={BASE}&b=a%23b&bm={TUNED}")
    assert answer.status_code == 422
    assert "rename it" in answer.text


def test_nothing_to_compare_says_what_to_do(viewer, tmp_path: Path) -> None:
    assert "harness demo" in viewer(tmp_path).get("/compare").text


def test_two_tuned_models_are_called_what_they_are_and_none_is_the_base(
    viewer, small_runs: Path
) -> None:
    text = page(viewer(small_runs), f"/compare?a=first&am={TUNED}&b=second&bm={TUNED}").text
    assert f"second: {TUNED} is not clearly different from first: {TUNED}" in text
    assert "from base" not in text
