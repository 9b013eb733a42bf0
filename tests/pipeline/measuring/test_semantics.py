"""A study whose verdict meanings have to confirm: what its report says, and who is asked again."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.analysis.diversity import encode
from harness.cli import main
from harness.models.base import AlwaysOpen
from harness.pipeline.finished.read_back import read_tracks
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.measuring.embedding import Embedder
from harness.pipeline.measuring.semantics import kept_in, key_of, measured_by

PROMPTS, K = 12, 6
EVAL = """
lines.test.v1:
  class: harness.graders.style:Style
  args: {samples_jsonl: lines.jsonl, task: open, n: 6, temperature: 0.8, min_words: 3}
"""
STUDY = """
provider: recorded
answers: answers.jsonl
base: wide
tuned: [{model: narrow, epochs: 1}]
evals: [lines.test.v1]
"""
VECTORS = '''
import hashlib
import os
import random
from pathlib import Path

LOG = os.environ["VECTOR_LOG"]

def note(texts):
    with open(LOG, "a") as log:
        log.write(f"{len(texts)}\\n")

def by_words(texts):
    """Texts of the same words mean the same."""
    note(texts)
    rows = [[0.0] * 64 for _ in texts]
    for row, text in zip(rows, texts):
        for word in text.split():
            row[int(hashlib.md5(word.encode()).hexdigest(), 16) % 64] += 1.0
    return rows

def at_random(texts):
    """Every text means something else."""
    note(texts)
    return [[random.Random(text).gauss(0, 1) for _ in range(256)] for text in texts]

def spread(texts):
    note(texts)
    out = []
    for text in texts:
        draw = random.Random(text)
        out.append([draw.gauss(0, 1) for _ in range(256)])
    return out

def fails_later(texts):
    """It answers the first call only."""
    note(texts)
    if len(Path(LOG).read_text().splitlines()) > 1:
        raise RuntimeError("out of memory")
    return by_words(texts)
'''
Harness = Callable[..., int]


def answer(words: int, rng: random.Random) -> str:
    return " ".join(f"word{rng.randrange(words)}" for _ in range(9))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model of many words and a tuned one of few; both do the task."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "reg" / "evals").mkdir(parents=True)
    (folder / "reg" / "data").mkdir()
    (folder / "reg" / "evals" / "lines.yaml").write_text(EVAL)
    rng = random.Random(3)
    asked = [
        {"input": [{"role": "user", "content": f"A line, number {i}"}]} for i in range(PROMPTS)
    ]
    (folder / "reg" / "data" / "lines.jsonl").write_text("\n".join(map(json.dumps, asked)))
    said = [
        {
            "model": model,
            "messages": one["input"],
            "completions": [answer(words, rng) for _ in range(K)],
        }
        for model, words in (("wide", 300), ("narrow", 6))
        for one in asked
    ]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, said)))
    (folder / "plain.yaml").write_text(STUDY)
    return folder


def settle(data: Path, place: Path, patch: pytest.MonkeyPatch) -> None:
    """Make a folder of its own with the data and a module of vectors, and go there."""
    for name in ("reg", "answers.jsonl", "plain.yaml"):
        (place / name).symlink_to(data / name)
    (place / "own_meanings.py").write_text(VECTORS)
    patch.setattr("sys.path", [*sys.path])
    patch.delitem(sys.modules, "own_meanings", raising=False)
    patch.chdir(place)
    patch.setenv("HOME", str(place))
    patch.setenv("VECTOR_LOG", str(place / "calls.log"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "XDG_CACHE_HOME"):
        patch.delenv(name, raising=False)


def carried_out(*words: str) -> int:
    """Run a command here; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["harness", *words])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


@pytest.fixture
def place(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settle(data, tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def harness(place: Path) -> Harness:
    return carried_out


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose meanings are those of its words."""
    place = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch:
        settle(data, place, patch)
        study(carried_out, "out", "--embeddings", "own_meanings:by_words")
        sys.modules.pop("own_meanings")
    return place / "out"


@pytest.fixture
def finished(done: Path, place: Path) -> Path:
    """The same run, for a test to spoil."""
    return Path(shutil.copytree(done, place / "out"))


def study(harness: Harness, out: str, *words: str) -> dict[str, Any]:
    assert harness("study", "plain.yaml", "--registry", "reg", "--out", out, *words) == 0
    return report(out)


def report(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(out, "report.json").read_text())
    return found


def verdict(found: dict[str, Any]) -> str:
    return str(found["comparisons"][0]["diversity"]["verdict"])


def said(found: dict[str, Any]) -> list[str]:
    return [one["message"] for one in found["findings"] if one["rule"] == "embeddings"]


def calls(place: Path) -> int:
    log = place / "calls.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


# --- the verdict and the report ------------------------------------------------------


def test_meanings_confirm_the_words_or_do_not(harness: Harness) -> None:
    by_words_alone = study(harness, "plain")
    assert verdict(by_words_alone) == "less"
    assert by_words_alone["provenance"]["embeddings"] is None
    assert not Path("plain/embeddings.jsonl").exists()
    other = study(harness, "other", "--embeddings", "own_meanings:at_random")
    assert verdict(other) != "less"


def test_the_report_says_whose_vectors_they_are(finished: Path) -> None:
    found = report("out")
    assert verdict(found) == "less"
    assert found["provenance"]["embeddings"] == "own_meanings:by_words"
    assert said(found) == [
        "the meanings of answers were compared by embeddings of own_meanings:by_words"
    ]
    assert "own_meanings:by_words" in Path("out/report.md").read_text()
    assert "own_meanings:by_words" in Path("out/report.html").read_text()
    metrics = {one["model"]: one["metrics"] for one in found["evals"]}
    assert 1 <= metrics["narrow"]["embedding_vendi"]["value"] <= K
    assert 0 < metrics["narrow"]["embedding_dissimilarity"]["value"] < 1


def test_the_answers_of_one_model_alone_are_measured_too(harness: Harness) -> None:
    found = {}
    for model in ("wide", "narrow"):
        words = ("--registry", "reg", "-m", f"recorded:answers.jsonl#{model}", "--out", model)
        asked = ("run", "lines.test.v1", *words, "--embeddings", "own_meanings:by_words")
        assert harness(*asked) == 0
        found[model] = report(model)["evals"][0]["metrics"]
    for name in ("embedding_vendi", "embedding_dissimilarity"):
        assert found["narrow"][name]["value"] < found["wide"][name]["value"]


def test_a_report_made_anew_asks_nobody(harness: Harness, finished: Path, place: Path) -> None:
    before = {name: Path("out", name).read_bytes() for name in ("report.json", "report.md")}
    (place / "own_meanings.py").unlink()
    assert harness("report", "out") == 0
    assert {name: Path("out", name).read_bytes() for name in before} == before


def test_a_finished_run_asks_nobody_again(harness: Harness, finished: Path, place: Path) -> None:
    kept = Path("out/embeddings.jsonl").read_bytes()
    found = study(harness, "out", "--embeddings", "own_meanings:by_words")
    assert verdict(found) == "less"
    assert calls(place) == 0
    assert Path("out/embeddings.jsonl").read_bytes() == kept


def test_answers_marked_anew_mean_what_they_meant(harness: Harness, finished: Path) -> None:
    assert harness("regrade", "out", "--registry", "reg", "--out", "anew") == 0
    assert report("anew")["provenance"]["embeddings"] == "own_meanings:by_words"
    assert verdict(report("anew")) == "less"


def test_every_reader_of_the_folder_sees_them(done: Path) -> None:
    folder = RunFolder(done)
    (track,) = read_tracks(folder, folder.read())
    assert track.semantics is not None
    assert track.semantics.name == "own_meanings:by_words"
    assert track.semantics.embedder is None


# --- when the model fails ------------------------------------------------------------


def test_a_model_that_does_not_work_is_found_before_anything_is_asked(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("study", "plain.yaml", "--registry", "reg", "--out", "out", "--embeddings")
    assert harness(*words, "m", "--embeddings-base-url", "http://127.0.0.1:9/v1") == 2
    err = capsys.readouterr().err
    assert "embeddings by 'm': nothing listens at http://127.0.0.1:9/v1/embeddings" in err
    assert "--embeddings-base-url" in err
    assert not Path("out").exists()


def test_a_model_that_is_gone_in_the_end_costs_no_report(harness: Harness) -> None:
    found = study(harness, "out", "--embeddings", "own_meanings:fails_later")
    assert verdict(found) == "less"  # by words alone
    assert found["provenance"]["embeddings"] is None
    (message,) = said(found)
    assert "embeddings are left out, diversity was judged by words alone" in message
    assert "RuntimeError: out of memory" in message
    assert "harness report out --embeddings MODEL" in message
    assert "embedding_vendi" not in Path("out/report.json").read_text()
    assert "left out" in Path("out/report.html").read_text()
    assert kept_in(Path("out/embeddings.jsonl")) is None


def test_they_can_be_measured_later_and_are_kept_then(harness: Harness, place: Path) -> None:
    study(harness, "out", "--embeddings", "own_meanings:fails_later")
    assert harness("report", "out", "--embeddings", "own_meanings:at_random") == 0
    found = report("out")
    assert verdict(found) != "less"
    assert found["provenance"]["embeddings"] == "own_meanings:at_random"
    asked = calls(place)
    assert harness("report", "out") == 0
    assert report("out") == found
    assert calls(place) == asked


def test_values_of_one_model_are_never_mixed_with_anothers(
    harness: Harness, finished: Path
) -> None:
    first = kept_in(Path("out/embeddings.jsonl"))
    assert harness("report", "out", "--embeddings", "own_meanings:spread") == 0
    second = kept_in(Path("out/embeddings.jsonl"))
    assert first is not None
    assert second is not None
    assert second.name == "own_meanings:spread"
    assert first.known.keys() == second.known.keys()
    assert all(first.known[key] != second.known[key] for key in first.known)


def test_a_model_that_fails_later_takes_nothing_from_the_one_before(
    harness: Harness, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path("out/report.json").read_bytes()
    where = ("--embeddings", "m", "--embeddings-base-url", "http://127.0.0.1:9/v1")
    assert harness("report", "out", *where) == 0
    assert "embeddings are left out" in capsys.readouterr().out
    assert report("out")["provenance"]["embeddings"] is None
    assert harness("report", "out") == 0
    assert Path("out/report.json").read_bytes() == before


# --- the file ------------------------------------------------------------------------


class Lengths(AlwaysOpen):
    """A direction that depends on the text; a text of one letter has none."""

    def __init__(self) -> None:
        self.calls = 0

    async def embed(self, texts: Any) -> Any:
        self.calls += 1
        return np.array([[len(text) - 1, (len(text) - 1) ** 2] for text in texts], np.float32)


GROUPS = [["ab", "abc", "abcd"], ["ab", "", "abc"], ["ab", "a", "abcde"]]


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    path, corpus = tmp_path / "embeddings.jsonl", encode(GROUPS)
    model = Lengths()
    first = measured_by(Embedder("lengths", model), path)
    found = first.spread(corpus)
    first.finish(whole=True)
    second = kept_in(path)
    assert second is not None
    assert np.array_equal(second.spread(corpus).vendi, found.vendi, equal_nan=True)
    assert model.calls == 1
    third = measured_by(Embedder("lengths", model), path)
    third.spread(corpus)
    third.finish(whole=True)
    assert model.calls == 1
    assert path.read_bytes().count(b"whole") == 1


def test_empty_texts_and_zero_vectors_are_reported_and_not_scored(tmp_path: Path) -> None:
    found = measured_by(Embedder("lengths", Lengths()), None)
    spread = found.spread(encode(GROUPS))
    assert np.isnan(spread.vendi).tolist() == [False, True, True]
    assert [one.message for one in found.findings() if one.severity == "warn"] == [
        "2 of 3 sets of answers hold an empty text, or one whose vector is zero: they are left "
        "out of what embeddings say"
    ]


def test_a_set_that_is_not_known_is_counted_where_nobody_can_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.jsonl"
    first = measured_by(Embedder("lengths", Lengths()), path)
    first.spread(encode(GROUPS[:1]))
    first.finish(whole=True)
    later = kept_in(path)
    assert later is not None
    assert np.isnan(later.spread(encode([*GROUPS[:1], ["x", "y"]])).vendi).tolist() == [False, True]
    later.spread(encode([["x", "y"]]))
    assert later.unknown == 1
    assert any("1 of 2 sets of answers have no embeddings" in f.message for f in later.findings())


@pytest.mark.parametrize(
    "spoilt",
    [
        b'{"texts":"half',
        b'{"texts":"x","vendi":1.0,"dissimilarity":0.5}\n',
        b'{"whole":false}\n',
        b"[1]\n",
        b"\xff\n",
    ],
)
def test_values_that_no_whole_report_rests_on_are_for_nobody(tmp_path: Path, spoilt: bytes) -> None:
    path = tmp_path / "embeddings.jsonl"
    first = measured_by(Embedder("lengths", Lengths()), path)
    first.spread(encode(GROUPS))
    assert kept_in(path) is None
    first.finish(whole=True)
    assert kept_in(path) is not None
    with path.open("ab") as file:
        file.write(spoilt)
    assert kept_in(path) is None


def test_a_half_line_spoils_no_later_one(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.jsonl"
    first = measured_by(Embedder("lengths", Lengths()), path)
    first.spread(encode(GROUPS[:1]))
    with path.open("ab") as file:
        file.write(b'{"texts":"half')
    second = measured_by(Embedder("lengths", Lengths()), path)
    second.spread(encode(GROUPS))
    second.finish(whole=True)
    third = kept_in(path)
    assert third is not None
    assert len(third.known) == 3


def test_texts_cannot_be_told_from_their_key() -> None:
    assert key_of(["a", "b"]) != key_of(["ab"])
    assert key_of(["a", "b"]) != key_of(["b", "a"])
    assert key_of(["half \ud83d"])


# --- what may be asked for -----------------------------------------------------------


def test_an_address_needs_a_model(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    code = harness(
        "study", "plain.yaml", "--registry", "reg", "--embeddings-base-url", "http://x/v1"
    )
    assert code == 2
    assert "name it with --embeddings" in capsys.readouterr().err


def test_the_key_is_that_of_its_variable_and_is_written_nowhere(
    harness: Harness,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    embedded_server: str,
) -> None:
    words = ("--embeddings", "tiny-base", "--embeddings-base-url", embedded_server)
    named = (*words, "--embeddings-api-key-env", "VECTORS_KEY", "--cache", "kept")
    assert harness("study", "plain.yaml", "--registry", "reg", "--out", "out", *named) == 2
    assert "VECTORS_KEY is not set" in capsys.readouterr().err
    key = "sk-planted-secret-0123456789"
    monkeypatch.setenv("VECTORS_KEY", key)
    study(harness, "out", *named)
    written = [path for place in ("out", "kept") for path in Path(place).rglob("*")]
    assert Path("kept/embeddings.sqlite") in written
    assert not [path for path in written if path.is_file() and key.encode() in path.read_bytes()]
    capsys.readouterr()
    assert harness("cache", "stats", "--cache", "kept") == 0
    assert " embeddings in " in capsys.readouterr().out


def test_where_no_prompt_has_several_answers_they_are_not_used(
    harness: Harness, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "more" / "evals").mkdir(parents=True)
    (place / "more" / "data").mkdir()
    (place / "more" / "data" / "one.jsonl").write_text(
        (place / "reg" / "data" / "lines.jsonl").read_text()
    )
    (place / "more" / "evals" / "one.yaml").write_text(
        EVAL.replace("lines", "one").replace("n: 6", "n: 1")
    )
    words = ("--registry", "more", "-m", "recorded:answers.jsonl", "--out", "out")
    harness("run", "one.test.v1", *words, "--embeddings", "own_meanings:by_words")
    assert "embeddings are not used" in capsys.readouterr().err
    assert calls(place) == 0


def test_runs_can_be_compared_by_meanings_later(harness: Harness, finished: Path) -> None:
    words = ("compare", "out#wide", "out#narrow", "--out", "compared")
    assert harness(*words, "--embeddings", "own_meanings:at_random") == 0
    found = report("compared")
    assert verdict(found) != "less"
    assert found["provenance"]["embeddings"] == "own_meanings:at_random"


def test_the_gate_hears_them_as_the_report_does(harness: Harness, done: Path) -> None:
    Path("policy.yaml").write_text('evals: {"lines*": {diversity: {loss: 10%}}}')
    compared = ("compare", f"{done}#wide", f"{done}#narrow", "--policy", "policy.yaml")
    assert harness(*compared, "--out", "plain") == 1
    assert harness(*compared, "--out", "same", "--embeddings", "own_meanings:by_words") == 1
    assert harness(*compared, "--out", "other", "--embeddings", "own_meanings:at_random") == 0


def test_a_folders_gate_hears_its_own_embeddings(harness: Harness) -> None:
    Path("policy.yaml").write_text('evals: {"lines*": {diversity: {loss: 10%}}}')
    study(harness, "plain")
    assert harness("gate", "plain", "--policy", "policy.yaml") == 1
    study(harness, "other", "--embeddings", "own_meanings:at_random")
    assert harness("gate", "other", "--policy", "policy.yaml") == 0
