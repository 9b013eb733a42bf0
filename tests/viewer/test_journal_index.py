"""The index says what a plain reading of the journal says, however the journal came about."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import RunFolderError
from harness.pipeline.folder.runfolder import RunFolder
from harness.records import Completion, Failure, Outcome, Score, Usage
from harness.running.journal import latest
from harness.running.lines import line_of
from harness.viewer.journal_index import Indexes, JournalIndex, Query
from harness.viewer.runs import Run
from tests.small_run import BASE, EVAL, TUNED, made_run, outcome

HEADER = b'{"journal":1,"harness":"0","run":"a"}\n'
MODELS = ("base", "tuned/1", "日本")
IDS = ("e.t.0", "e.t.1", "e.t.2", "e.t.10", "e.t.010", "odd", 'a/"b"?&#%', "..", "", "ünï 9", "7")
TEXTS = ("red fox", "a red RED hen", "fox, hen!", "", "日本語の文", "refund refunds", "don't")
LABELS = (None, "A", "B", "ß" * 300)
SEARCHES = ("red", '"red fox"', "fox red", "refund*", "日本", "本語", "no", "hen", "!!", "DON'T")

answers = st.builds(
    lambda name, model, sample, repeat, value, label, text, fails, tokens, latency: Outcome(
        *(name, model, sample, repeat, "key"),
        None if fails else Completion(text, usage=tokens and Usage(1, tokens), latency_s=latency),
        {} if fails else {"accuracy": Score(value, label)},
        Failure("timeout", "too slow") if fails else None,
    ),
    st.sampled_from(("e.t", "other/eval")),
    st.sampled_from(MODELS),
    st.sampled_from(IDS),
    st.integers(0, 2),
    st.sampled_from((None, 0.0, 0.25, 0.5, 1.0)),
    st.sampled_from(LABELS),
    st.sampled_from(TEXTS),
    st.booleans(),
    st.sampled_from((None, 5, 50)),
    st.sampled_from((0.0, 0.5, 2.0)),
)


def index_of(folder: Path, cache: Path | None = None) -> JournalIndex:
    """The index of the run in a folder, as far as it comes."""
    index = Indexes(cache).of(Run("run", RunFolder(folder), "run"))
    index.catch_up(60)
    return index


def write(folder: Path, outcomes: Sequence[Outcome]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "journal.jsonl"
    path.write_bytes(HEADER + b"".join(map(line_of, outcomes)))
    return path


# --- the plain reading ---------------------------------------------------------------


class Plain:
    """What the index has to say, by a journal that is read whole."""

    def __init__(self, path: Path) -> None:
        self.found: dict[tuple[str, str, str], list[Outcome]] = {}
        for one in sorted(latest(path), key=lambda one: one.repeat):
            self.found.setdefault((one.eval, one.model, one.sample_id), []).append(one)

    def mark(self, *key: str) -> float | None:
        marks = [s.value for o in self.found.get(key, []) for s in o.scores.values()]
        known = [mark for mark in marks if mark is not None]
        return sum(known) / len(known) if known else None

    def states(self, query: Query, sample: str) -> set[str]:
        key = (query.eval, query.model, sample)
        mark = self.mark(*key)
        if mark is None:
            failed = any(one.failure for one in self.found[key])
            return {"", "failed" if failed else "unmarked"}
        own = "right" if mark >= 1 else "wrong" if mark <= 0 else "partly"
        before = self.mark(query.eval, query.other_model, sample)
        if before is None:
            return {"", own}
        change = {(1, 0): "fixed", (0, 1): "broken", (1, 1): "both_right", (0, 0): "both_wrong"}
        return {"", own, change[mark >= 1, before >= 1]}

    def fits(self, query: Query, sample: str) -> bool:
        said = self.found[query.eval, query.model, sample]
        labels = {str(s.label)[:200] for o in said for s in o.scores.values() if s.label}
        before = self.found.get((query.eval, query.other_model, sample), [])
        texts = [o.completion.text for o in (*said, *before) if o.completion]
        return (
            query.state in self.states(query, sample)
            and (not query.label or query.label in labels)
            and all(any(has(text, term) for text in texts) for term in terms(query.words))
        )

    def ids(self, query: Query) -> list[str]:
        samples = [s for e, m, s in self.found if (e, m) == (query.eval, query.model)]
        return [sample for sample in samples if self.fits(query, sample)]


def terms(words: str) -> list[str]:
    found = re.findall(r'"[^"]*"|\S+', words)
    return [term for term in found if any(c.isalnum() for c in term)]


def has(text: str, term: str) -> bool:
    """A term's words stand in the text one after the other."""
    spaced = [re.sub("([぀-ヿ㐀-鿿])", r" \1 ", part.lower()) for part in (text, term)]
    words, sought = (re.findall(r"[^\W_]+", part) for part in spaced)
    runs = (words[at : at + len(sought)] for at in range(len(words)))
    if term.endswith("*"):
        return any(run[:-1] == sought[:-1] and run[-1].startswith(sought[-1]) for run in runs)
    return sought in runs


QUERIES = [
    Query("e.t", model, other, state, label, words)
    for model, other in (("base", ""), ("tuned/1", "base"), ("日本", "tuned/1"))
    for state, label, words in (
        *((state, "", "") for state in ("", "right", "wrong", "partly", "failed", "unmarked")),
        *((state, "", "") for state in ("fixed", "broken", "both_right", "both_wrong")),
        *(("", label, "") for label in ("A", "B", "ß" * 200)),
        *(("", "", words) for words in SEARCHES),
        ("wrong", "A", "red"),
    )
]


def same(index: JournalIndex, path: Path) -> None:
    """Compare every query with the plain reading."""
    plain = Plain(path)
    for query in QUERIES:
        ids, expected = list(index.ids(query)), plain.ids(query)
        assert sorted(ids) == sorted(expected), query
        assert index.counts(query).get(query.state, 0) == len(expected), query
        pages = [index.page(replace(query, offset=at, limit=3)) for at in range(0, len(ids) + 1, 3)]
        assert [row.sample_id for page in pages for row in page.rows] == ids
        assert {page.total for page in pages} == {len(ids)}
        for row in pages[0].rows:
            assert row.verdict.mark == plain.mark(query.eval, query.model, row.sample_id)
            assert row.verdict.state in plain.states(query, row.sample_id)
            assert row.change in plain.states(query, row.sample_id)
    for (name, model, sample), said in plain.found.items():
        assert index.outcomes(name, sample, (model,)) == said
    tracks = {(track.eval, track.model): track.answers for track in index.tracks()}
    asked = {(name, model) for name, model, _ in plain.found}
    assert tracks == {
        key: sum(len(said) for at, said in plain.found.items() if at[:2] == key) for key in asked
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(answers, max_size=60), st.integers(0, 60), st.integers(0, 40))
def test_every_filter_says_what_a_plain_reading_says_while_the_journal_grows(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome], first: int, torn: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    path = write(folder, outcomes[:first])
    index = index_of(folder)
    same(index, path)
    rest = b"".join(map(line_of, outcomes[first:]))
    for part in (rest[:torn], rest[torn:]):  # most likely in the middle of a line
        with path.open("ab") as file:
            file.write(part)
        index.catch_up(60)
        same(index, path)


# --- order ---------------------------------------------------------------------------


def test_samples_stand_in_the_order_of_their_numbers_whatever_came_first(tmp_path: Path) -> None:
    numbers = (10, 2, 0, 1, 100)
    write(tmp_path, [Outcome("e", "m", f"e.t.{n}", 0, "k", Completion("x")) for n in numbers])
    ids = list(index_of(tmp_path).ids(Query("e", "m")))
    assert ids == ["e.t.0", "e.t.1", "e.t.2", "e.t.10", "e.t.100"]
    assert list(index_of(tmp_path).ids(Query("e", "m", sort="-sample"))) == ids[::-1]


@pytest.mark.parametrize("name", ["mark", "latency", "tokens"])
def test_sorted_rows_ascend_or_descend_and_unknown_values_come_last(
    tmp_path: Path, name: str
) -> None:
    values = (0.5, None, 0.1, 1.0, None, 0.3)
    write(
        tmp_path,
        [
            Outcome(
                *("e", "m", f"e.{n}", 0, "k"),
                Completion("x", usage=value and Usage(1, int(value * 100)), latency_s=value or 0),
                {"accuracy": Score(value)},
            )
            for n, value in enumerate(values)
        ],
    )
    index = index_of(tmp_path)
    up = list(index.ids(Query("e", "m", sort=name)))
    down = list(index.ids(Query("e", "m", sort=f"-{name}")))
    assert up == ["e.2", "e.5", "e.0", "e.3", "e.1", "e.4"]
    assert down == ["e.3", "e.0", "e.5", "e.2", "e.1", "e.4"]


def test_neighbours_are_those_of_the_filtered_list(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    index = index_of(tmp_path / "run")
    query = Query(EVAL, TUNED, BASE, state="broken")
    ids = list(index.ids(query))
    around = index.around(query, ids[1])
    assert around is not None
    assert (around.place, around.total, around.before, around.after) == (
        *(1, len(ids)),
        *(ids[0], ids[2]),
    )
    assert index.around(query, "colours.test.1") is None
    assert index.around(query, "never met") is None


# --- the journal is another, or broken -----------------------------------------------


def test_a_replaced_journal_is_indexed_anew(tmp_path: Path) -> None:
    path = write(tmp_path, [Outcome("e", "m", "e.1", 0, "k", Completion("red"))])
    index = index_of(tmp_path)
    write(tmp_path, [Outcome("e", "m", f"e.{n}", 0, "k", Completion("blue")) for n in range(5)])
    index.catch_up(60)
    assert len(list(index.ids(Query("e", "m", words="blue")))) == 5
    assert not list(index.ids(Query("e", "m", words="red")))
    os.truncate(path, len(HEADER))
    index.catch_up(60)
    assert index.tracks() == []


def test_a_later_answer_takes_the_words_of_the_earlier_one_away(tmp_path: Path) -> None:
    path = write(tmp_path, [Outcome("e", "m", "e.1", 0, "k", Completion("red"))])
    index = index_of(tmp_path)
    with path.open("ab") as file:
        file.write(line_of(Outcome("e", "m", "e.1", 0, "k", Completion("blue"))))
    index.catch_up(60)
    assert list(index.ids(Query("e", "m", words="red"))) == []
    assert list(index.ids(Query("e", "m", words="blue"))) == ["e.1"]


def test_an_index_is_taken_up_again_where_it_ended(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    first = index_of(tmp_path / "run", tmp_path / "cache")
    file = first.file.path
    second = index_of(tmp_path / "run", tmp_path / "cache")
    assert second.file.path == file
    assert not second._is_behind()
    assert second.tracks() == first.tracks()


def test_a_file_that_is_no_index_is_made_anew(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    file = index_of(tmp_path / "run", tmp_path / "cache").file.path
    file.write_bytes(b"no database" * 1000)
    assert index_of(tmp_path / "run", tmp_path / "cache").tracks()


def test_nothing_is_written_into_the_run_folder(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    before = sorted((tmp_path / "run").rglob("*"))
    index_of(tmp_path / "run")
    assert sorted((tmp_path / "run").rglob("*")) == before


@pytest.mark.parametrize(
    "line", [b"{]\n", b"[]\n", b'{"eval": 3}\n', b'{"eval":"e","model":"m","sample_id":{}}\n']
)
def test_a_broken_line_is_named_until_it_is_gone(tmp_path: Path, line: bytes) -> None:
    good = line_of(outcome(BASE, 1, 1.0))
    path = tmp_path / "journal.jsonl"
    path.write_bytes(HEADER + good + line + good)
    with pytest.raises(RunFolderError, match=r"journal\.jsonl:3: is no outcome; remove this line"):
        index_of(tmp_path).catch_up(60)
    path.write_bytes(HEADER + good + good)
    assert index_of(tmp_path).tracks()[0].answers == 1


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"some": "json"}\n')
    with pytest.raises(RunFolderError, match="is no journal"):
        index_of(tmp_path).catch_up(60)


def test_a_run_without_a_journal_is_empty(tmp_path: Path) -> None:
    index = index_of(tmp_path)
    assert index.tracks() == []
    assert index.page(Query("e", "m")).rows == ()
    assert index.outcomes("e", "x") == []


def test_a_cache_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    (tmp_path / "file").write_text("in the way")
    assert index_of(tmp_path / "run", tmp_path / "file" / "cache").tracks()


# --- prompts -------------------------------------------------------------------------


def test_prompts_are_found_and_read_in_place(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    index = index_of(tmp_path / "run")
    assert list(index.ids(Query(EVAL, BASE, words='"colour 12"'))) == ["colours.test.12"]
    samples, fault = index.samples(EVAL, ["colours.test.12", "never met"])
    assert (fault, list(samples)) == ("", ["colours.test.12"])
    assert samples["colours.test.12"].ideal == ("red 12",)


def test_data_that_changed_are_not_shown_and_answers_still_are(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    index = index_of(tmp_path / "run")
    data = tmp_path / "run-samples.jsonl"
    data.write_text(data.read_text().replace("colour 12", "something else"))
    index.catch_up(60)
    samples, fault = index.samples(EVAL, ["colours.test.12"])
    assert samples == {}
    assert "has changed since the run" in fault
    assert not list(index.ids(Query(EVAL, BASE, words="something")))
    assert len(list(index.ids(Query(EVAL, BASE)))) == 40
    data.unlink()
    index.catch_up(60)
    assert "run-samples.jsonl: cannot be read" in index.samples(EVAL, ["colours.test.12"])[1]


# --- several at once -----------------------------------------------------------------


def test_readers_agree_with_each_other_while_the_journal_grows(tmp_path: Path) -> None:
    path = write(tmp_path, [])
    indexes = Indexes()
    run = Run("run", RunFolder(tmp_path), "run")

    def look(_: int) -> bool:
        index = indexes.of(run)
        query = Query("e", "m", state="right")
        page = index.page(query)
        return len(page.rows) == min(50, page.total) and all(
            not math.isnan(row.verdict.mark or 0) for row in page.rows
        )

    with ThreadPoolExecutor(8) as pool:
        looks = []
        for number in range(300):
            with path.open("ab") as file:
                one = Outcome("e", "m", f"e.{number}", 0, "k", Completion("x"))
                file.write(line_of(replace(one, scores={"a": Score(1.0)})))
            if number % 5 == 0:
                looks.append(pool.submit(look, number))
        assert all(look.result() for look in looks)
    index = indexes.of(run)
    index.catch_up(60)
    assert index.page(Query("e", "m")).total == 300


def test_two_viewers_share_one_index(tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    run, cache = Run("run", RunFolder(tmp_path / "run"), "run"), tmp_path / "cache"
    with ThreadPoolExecutor(4) as pool:
        indexes = list(pool.map(lambda _: Indexes(cache).of(run), range(4)))
    for index in indexes:
        index.catch_up(60)
        assert [track.answers for track in index.tracks()] == [40, 40]
        assert list(index.ids(Query(EVAL, BASE, words='"colour 12"'))) == ["colours.test.12"]
