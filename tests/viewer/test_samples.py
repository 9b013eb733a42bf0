"""The sample browser as a visitor without script meets it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from harness.records import Completion, Failure, Outcome, Score, Usage
from harness.running.lines import line_of
from harness.viewer.addresses import name_in, sample_address, step
from harness.viewer.columns import merged
from harness.viewer.journal_index import BEING_READ, JournalIndex
from tests.served_viewer import served
from tests.small_run import BASE, EVAL, TUNED, made_run

LIST = "/runs/run/samples"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "a/b?c#d&e=f",
)
ODD = ("..", ".", "", "%2F", "a b", "日本", "a/../b", "~", "%", "%%", "\u202eabc")


@pytest.fixture
def site(tmp_path: Path, viewer: Callable[[Path], TestClient]) -> TestClient:
    made_run(tmp_path / "run", 130)
    client = viewer(tmp_path)
    settled(client)
    return client


def settled(client: TestClient | Web, page: str = LIST) -> str:
    """A page when nothing is left to index."""
    for _ in range(200):
        text = client.get(page).text
        if 'id="indexing"' not in text:
            return text
    raise AssertionError("still indexing")


class Answer(NamedTuple):
    """What a server answered."""

    status_code: int
    text: str


class Web:
    """Asks a real server, as a browser does: the test client decodes addresses twice."""

    def __init__(self, address: str) -> None:
        self.connection = HTTPConnection(address.removeprefix("http://"), timeout=30)

    def close(self) -> None:
        self.connection.close()

    def get(self, place: str) -> Answer:
        self.connection.request("GET", place)
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.read().decode())


def rows(text: str) -> list[str]:
    """The samples that a list shows."""
    return re.findall(r'<th scope="row">.*?<bdi class="name">(.*?)</bdi>', text, re.DOTALL)


def asked(**filters: object) -> str:
    return f"{LIST}?{urlencode(filters)}"


def links(text: str, rel: str) -> Iterator[str]:
    for tag in re.findall(r"<a [^>]*>", text):
        if f'rel="{rel}"' in tag:
            yield html.unescape(re.findall('href="(.*?)"', tag)[0])


# --- the list ------------------------------------------------------------------------


def test_pages_show_every_sample_once_and_in_order(site: TestClient) -> None:
    found: list[str] = []
    page: str | None = LIST
    while page:
        text = site.get(page).text
        found += rows(text)
        page = next(links(text, "next"), None)
    assert found == [f"colours.test.{number}" for number in range(130)]


def test_a_page_beyond_the_last_is_the_last(site: TestClient) -> None:
    assert rows(site.get(asked(page=999)).text)[-1] == "colours.test.129"
    assert rows(site.get(asked(page="x")).text)[0] == "colours.test.0"


def test_a_state_shows_its_samples_and_their_count(site: TestClient) -> None:
    text = site.get(asked(model=TUNED, other=BASE, state="broken")).text
    expected = [n for n in range(130) if n % 4 == 0 and n % 3 == 0 and n % 10 != 7]
    assert rows(text) == [f"colours.test.{n}" for n in expected]
    assert f"Broken <span>{len(expected)}</span>" in text


def test_prompt_ideal_and_both_answers_stand_side_by_side(site: TestClient) -> None:
    text = site.get(asked(model=TUNED, other=BASE, words='"colour 12"')).text
    assert rows(text) == ["colours.test.12"]
    for part in ("colour 12?", "red 12", "<mark>tiny-base says", "<mark>tuned says"):
        assert part in text


def test_what_makes_no_sense_is_left_out(site: TestClient) -> None:
    text = site.get(asked(eval="no", model="no", other="no", state="no", sort="no", page=-3)).text
    assert len(rows(text)) == 50


def test_no_fitting_sample_says_what_to_do(site: TestClient) -> None:
    text = site.get(asked(words="nowhere")).text
    assert "No sample fits" in text
    assert "refund*" in text


def test_a_failure_is_shown_as_one(site: TestClient) -> None:
    text = site.get(asked(model=TUNED, other="none", state="failed")).text
    assert rows(text)[0] == "colours.test.7"
    assert "timeout: too slow" in text


# --- one sample ----------------------------------------------------------------------


def test_a_sample_leads_through_its_list_and_back(site: TestClient) -> None:
    text = site.get(asked(model=TUNED, other=BASE, state="broken")).text
    first = html.unescape(re.findall(r'href="(/runs/run/samples/[^"]*)"', text)[0])
    met = []
    page: str | None = first
    while page:
        text = site.get(page).text
        met.append(re.findall(r"<h1><bdi[^>]*>(.*?)</bdi>", text)[0])
        page = next(links(text, "next"), None)
    assert met == [f"colours.test.{n}" for n in range(130) if n % 12 == 0]
    back = next(links(text, "up"))
    assert f'id="{back.partition("#")[2]}"' in site.get(back).text


def test_a_sample_shows_what_every_model_said_and_how_it_was_marked(
    tmp_path: Path, viewer: Callable[[Path], TestClient]
) -> None:
    run = made_run(tmp_path / "run", 3)
    judged = (Completion("The judge thinks so."),)
    score = Score(0.5, "picked this", "because of that", {"f1": 0.25}, judged)
    usage = Usage(11, 7)
    said = Completion("cut sh", "length", usage, 1.25)
    with run.journal.open("ab") as file:
        for repeat in (0, 1):
            place = (EVAL, "third", "colours.test.1", repeat, "k")
            file.write(line_of(Outcome(*place, said, {"accuracy": score})))
        place = (EVAL, "fourth", "colours.test.1", 0, "k")
        file.write(line_of(Outcome(*place, failure=Failure("rate_limited", "slow down"))))
    client = viewer(tmp_path)
    settled(client)
    text = client.get(sample_address("run", EVAL, "colours.test.1", {})).text
    for part in (
        *("colour 1?", "red 1", "tiny-base says", "Answers of 4 models", "2 answers"),
        *("Partly right", "picked this", "because of that", "The judge thinks so.", "0.25"),
        *("11 prompt tokens", "7 answer tokens", "1.25 s", "cut at the token limit"),
        *("rate_limited", "slow down"),
    ):
        assert part in text, part


def test_a_sample_that_nobody_answered_is_not_found(site: TestClient) -> None:
    answer = site.get(sample_address("run", EVAL, "<b>", {}))
    assert answer.status_code == 404
    assert "&lt;b&gt;" in answer.text


# --- what goes wrong -----------------------------------------------------------------


def test_changed_data_leave_the_answers_alone(
    tmp_path: Path, viewer: Callable[[Path], TestClient]
) -> None:
    made_run(tmp_path / "run")
    (tmp_path / "run-samples.jsonl").write_text('{"input": "other", "ideal": "x"}\n')
    text = settled(viewer(tmp_path))
    assert "has changed since the run" in text
    assert "says 3" in re.sub("<.*?>", "", text)


def test_a_broken_journal_is_a_page_that_says_so(
    tmp_path: Path, viewer: Callable[[Path], TestClient]
) -> None:
    run = made_run(tmp_path / "run")
    with run.journal.open("ab") as file:
        file.write(b"{nonsense}\n")
    client = viewer(tmp_path)
    for _ in range(100):
        answer = client.get(LIST)
        if answer.status_code != 200:
            break
    assert answer.status_code == 422
    assert "journal.jsonl:82: is no outcome" in html.unescape(answer.text)


def test_a_run_without_answers_says_so(
    tmp_path: Path, viewer: Callable[[Path], TestClient]
) -> None:
    made_run(tmp_path / "run").journal.unlink()
    assert "No answers yet" in viewer(tmp_path).get(LIST).text


# --- strings of anybody --------------------------------------------------------------


def test_hostile_names_and_texts_are_escaped_and_lead_somewhere(tmp_path: Path) -> None:
    names = (*HOSTILE, *ODD)
    (tmp_path / "run").mkdir()
    with (tmp_path / "run" / "journal.jsonl").open("wb") as file:
        file.write(b'{"journal":1,"harness":"0","run":"a"}\n')
        for name in names:
            score = Score(0.0, label=name, reason=name, details={name: 1.0})
            said = Completion(name, finish_reason=name)
            for model in HOSTILE:
                one = Outcome(f"e/{name}", model, name, 0, "k", said, {name: score})
                file.write(line_of(one))
    with served(tmp_path) as address, closing(Web(address)) as client:
        settled(client)
        for name in names:
            harmless(client.get(asked(eval=f"e/{name}", label=name, words=name)).text)
            text = client.get(asked(eval=f"e/{name}")).text
            harmless(text)
            first = re.findall(r'href="(/runs/run/samples/[^"]*)"', text)[0]
            answer = client.get(html.unescape(first))
            assert answer.status_code == 200, (name, first)
            harmless(answer.text)


def harmless(text: str) -> None:
    """No markup but our own."""
    parser = Tags()
    parser.feed(text)
    assert not {"img", "iframe", "object", "embed"} & set(parser.tags)
    assert not [name for name in parser.attributes if name.startswith("on")]
    assert len(parser.scripts) == text.count("<script ") == text.count("<script")


class Tags(HTMLParser):
    """The tags of a page, the names of their attributes, and where scripts come from."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.scripts += [value or "" for name, value in attrs if (tag, name) == ("script", "src")]


@pytest.mark.parametrize("name", [*HOSTILE, *ODD, "a%2Fb", "%252F", "...", "@:~"])
def test_a_name_survives_its_way_through_an_address(name: str) -> None:
    from urllib.parse import unquote

    arrived = unquote(step(name))
    assert name_in(arrived) == name
    assert "/" not in arrived
    assert arrived.strip(".")


def test_merged_rows_keep_the_later_answer() -> None:
    import numpy as np

    from harness.viewer.columns import ANSWER

    old, new = np.zeros(3, ANSWER), np.zeros(2, ANSWER)
    old["place"], old["offset"] = [5, 1, 1], [1, 2, 3]
    old["repeat"] = [0, 0, 1]
    new["place"], new["offset"] = [1, 9], [8, 9]
    rows, replaced = merged(old, new)
    assert rows["offset"].tolist() == [8, 3, 1, 9]
    assert replaced["offset"].tolist() == [2]


def test_prompts_that_are_not_indexed_yet_are_no_problem(
    tmp_path: Path, viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_run(tmp_path / "run")
    client = viewer(tmp_path)
    settled(client)
    monkeypatch.setattr(JournalIndex, "samples", lambda *_: ({}, BEING_READ))
    query = urlencode({"eval": EVAL, "model": TUNED, "other": BASE})
    for page in (f"samples?{query}", f"samples/{EVAL}/colours.test.1"):
        text = client.get(f"/runs/run/{page}").text
        assert "being indexed" in text
        assert "cannot be shown" not in text
        assert "<mark" not in text
