"""Texts measured by real Ray workers, and answers marked by them: what one process finds."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import DatasetError, RunFolderError, UsageError
from harness.pipeline.finished.regrading import Regrading, regrade
from harness.pipeline.texts import spread as spreadtexts
from harness.pipeline.texts.data import as_data
from harness.pipeline.texts.diversity import Looking, look
from harness.pipeline.texts.files import read_texts
from harness.pipeline.texts.places import PlacedTexts, placed_texts
from harness.pipeline.texts.spread import look_spread
from harness.pipeline.texts.textset import TextSet
from harness.registry import load_registry
from harness.running.distributed import Cluster
from harness.running.portions import Crew, crew

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'finetune-harness[ray]'")

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),  # Ray's own
]
EXAMPLE = Path(__file__).parents[3] / "reports" / "example"
CLUSTER = Cluster(2)
PHRASES = ("As a small language model", "Here is what you asked for:", "Gern — größer")


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def workers(local_ray: None) -> Iterator[Crew]:
    with crew(CLUSTER) as found:
        yield found


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some prompts with different numbers of answers, scattered, and some lines without any."""
    draw = random.Random(5)
    words = [f"word{n}" if n % 4 else f"w{n}" for n in range(400)]
    path = tmp_path_factory.mktemp("texts") / "answers.jsonl"
    records: list[dict[str, Any]] = []
    for repeat in range(6):
        for prompt in range(300):
            if prompt % 6 < repeat:
                continue
            odds = [1 / (n + 1) for n in range(len(words))]
            text = " ".join(draw.choices(words, odds, k=draw.randint(1, 25)))
            start = draw.choice(PHRASES) if draw.random() < 0.4 else ""
            several = [f"{start} {text}", "Yes."] if prompt % 50 == 0 else f"{start} {text}".strip()
            records.append({"id": f"p{prompt}", "outputs": several})
    records[7]["outputs"] = ""
    raw = [orjson.dumps(record) for record in records]
    raw[20:20] = [b"{broken", b"", b'{"id": "x"}']
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(raw))
    return path


def told(source: TextSet, looking: Looking, crew: Crew | None) -> Any:
    found = look(source, looking) if crew is None else look_spread(source, looking, crew)
    return as_data([found], [], looking)


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadtexts, "FEWEST", 50)


@pytest.mark.parametrize(
    "looking",
    [
        Looking(),
        Looking(k=3, n=2, top=8, tokenizer="whitespace"),
        Looking(metrics=("self_bleu", "vendi_2", "entropy_2", "compression_ratio"), top=0),
    ],
    ids=["usual", "first-answers", "by-name"],
)
def test_workers_find_what_one_process_finds(
    lines: Path, looking: Looking, workers: Crew, small_portions: None
) -> None:
    [here], [there] = read_texts(str(lines)), placed_texts(str(lines))
    assert isinstance(there.groups, PlacedTexts)
    assert told(there, looking, workers) == told(here, looking, None)


def test_large_sets_have_no_closed_form_there_either(
    lines: Path, workers: Crew, small_portions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.analysis.diversity.setvalues.CLOSED_FORM_UP_TO", 100)
    [here] = read_texts(str(lines))
    looking = Looking(metrics=("distinct_4",))
    (row,) = [r for r in look(here, looking).profile.rows if r.scope == "across prompts"]
    assert row.estimate.method == "no interval"
    found = look_spread(here, looking, workers).profile.rows
    assert [r.estimate for r in found if r.scope == "across prompts"] == [row.estimate]


def test_texts_without_prompts_are_one_set_there_too(tmp_path: Path, workers: Crew) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(f"{PHRASES[n % 3]} and {n % 7} more" for n in range(900)) + "\n\n")
    [here], [there] = read_texts(str(path)), placed_texts(str(path))
    assert told(there, Looking(), workers) == told(here, Looking(), None)


def test_phrases_of_too_many_texts_are_counted_in_some_prompts_and_it_is_said(
    lines: Path, workers: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadtexts, "MOST_HOLDERS", 300)
    [source] = placed_texts(str(lines))
    found = look_spread(source, Looking(), workers)
    assert found.notes[0].startswith("Word sequences are counted in the texts of 1 prompt of ")
    exact = {one.text: one.share for one in look(source, Looking()).repeats}
    for one in found.repeats:
        assert one.share == pytest.approx(exact.get(one.text, one.share), abs=0.05)


def test_a_file_that_changed_meanwhile_is_named(tmp_path: Path, workers: Crew) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(f'{{"id": {n % 9}, "text": "answer {n}"}}\n' for n in range(90)))
    [source] = placed_texts(str(path))
    path.write_text("[]\n")
    with pytest.raises(DatasetError, match=r"texts\.jsonl.*try again"):
        look_spread(source, Looking(), workers)


@dataclass(frozen=True)
class DiesOnce:
    """Work that takes its worker with it the first time."""

    mark: Path

    def __call__(self, portion: int) -> int:
        if portion == 3 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return portion * portion


def test_what_a_lost_worker_had_is_done_again(tmp_path: Path, workers: Crew) -> None:
    assert list(workers.results(DiesOnce(tmp_path / "mark"), range(8))) == [n * n for n in range(8)]
    assert (tmp_path / "mark").exists()


def test_the_command_prints_the_same_numbers_by_workers(lines: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("id,answer\n" + "".join(f"{n % 5},answer {n % 11}\n" for n in range(60)))
    for file in (lines, texts):
        here = CliRunner().invoke(app, ["diversity", str(file), "--json"])
        there = CliRunner().invoke(app, ["diversity", str(file), "--json", "--engine", "ray"])
        assert there.exit_code == 0, there.output
        assert orjson.loads(there.stdout) == orjson.loads(here.stdout)


def test_an_engine_that_is_none_is_refused(lines: Path) -> None:
    for wrong in (["--engine", "dask"], ["--ray-address", "ray://far:10001"]):
        result = CliRunner().invoke(app, ["diversity", str(lines), *wrong])
        assert isinstance(result.exception, UsageError)


# --- marks ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (EXAMPLE / "journal.jsonl").exists():
        pytest.skip(f"no run in {EXAMPLE}")
    return Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("runs") / "run"))


def test_answers_are_marked_by_workers_as_by_one_process(run: Path, tmp_path: Path) -> None:
    registry = load_registry([])
    patterns = ("orders.*",)
    order = Regrading(run, tmp_path / "here", "harness regrade", patterns)
    here = regrade(order, registry)
    there = regrade(
        Regrading(run, tmp_path / "there", order.command, patterns, cluster=CLUSTER), registry
    )
    assert (there.marked, there.changed) == (here.marked, here.changed)
    assert there.folder.journal.read_bytes() == here.folder.journal.read_bytes()


def test_an_answer_to_no_sample_ends_marking_with_one_message(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    journal = copy / "journal.jsonl"
    text = journal.read_text().replace('"orders.heldout.0"', '"orders.heldout.0x"')
    journal.write_text(text)
    order = Regrading(copy, tmp_path / "new", "harness regrade", ("orders.*",), cluster=CLUSTER)
    with pytest.raises(RunFolderError, match=r"orders\.heldout\.0x"):
        regrade(order, load_registry([]))
