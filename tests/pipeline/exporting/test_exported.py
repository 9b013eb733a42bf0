"""A run's samples and metrics as tables: whole, typed, the same in every format."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UsageError
from harness.pipeline import report_of
from harness.pipeline.exporting.exported import METRICS, SAMPLES, SampleTable, metric_rows
from harness.pipeline.exporting.tablefiles import ROWS_AT_ONCE, TableFile, as_text
from harness.pipeline.folder.runfolder import RunFolder

ANSWERS = [
    "yes",
    "no",
    '=HYPERLINK("http://x.invalid","yes")',
    "-5",
    'a "quoted", answer\r\nof two lines\r',
    "NA",
    "",
    "þetta er ✓",
    "'tis",
]
EVAL = """
plain.test.v1:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: SAMPLES}
"""
Written = Callable[..., Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine answers, then a sample that nobody has an answer to."""
    place = tmp_path_factory.mktemp("export")
    samples = [{"input": f"{n}?", "ideal": ["yes", "ja"]} for n in range(len(ANSWERS) + 1)]
    (place / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in samples))
    (place / "reg" / "evals").mkdir(parents=True)
    yaml = EVAL.replace("SAMPLES", str(place / "samples.jsonl"))
    (place / "reg" / "evals" / "plain.yaml").write_text(yaml)
    said = [{"prompt": f"{n}?", "completion": text} for n, text in enumerate(ANSWERS)]
    (place / "answers.jsonl").write_text("".join(json.dumps(one) + "\n" for one in said))
    words = ["run", "plain.test.v1", "--registry", str(place / "reg"), "--data", str(place)]
    words += ["--model", f"recorded:{place / 'answers.jsonl'}", "--out", str(place / "run")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return place / "run"


@pytest.fixture
def exported(run: Path, tmp_path: Path) -> Written:
    def written(name: str, *words: str, table: str = "samples") -> Path:
        target = tmp_path / name
        done = CliRunner().invoke(app, ["export", str(run), f"--{table}", str(target), *words])
        assert done.exit_code == 0, done.output
        return target

    return written


def read_csv(path: Path, columns=SAMPLES) -> pd.DataFrame:
    """As docs/export.md says."""
    texts = {column.name: "str" for column in columns if column.kind == "text"}
    numbers = {column.name: [""] for column in columns if column.kind != "text"}
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=numbers)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- samples -------------------------------------------------------------------------


def test_every_sample_is_a_row_in_the_order_of_the_data(run: Path) -> None:
    rows = list(SampleTable.of(RunFolder(run)).rows())
    assert [row["prompt"] for row in rows] == [f"{n}?" for n in range(10)]
    assert [row["answer"] for row in rows[:9]] == ANSWERS
    assert [tuple(row) for row in rows] == [tuple(column.name for column in SAMPLES)] * 10
    assert (rows[0]["score"], rows[1]["score"]) == (1.0, 0.0)
    assert (rows[0]["ideal"], rows[0]["other_ideals"]) == ("yes", '["ja"]')
    assert rows[0]["cost_usd"] == 0.0


def test_a_failed_sample_is_a_row_with_its_failure_and_no_score(run: Path) -> None:
    *_, last = SampleTable.of(RunFolder(run)).rows()
    assert (last["score"], last["answer"], last["failure"]) == (None, "", "not_recorded")
    assert "no answer" in last["failure_message"]


def test_a_sample_that_was_not_asked_is_a_row_too(run: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "study.yaml").write_bytes((run / "study.yaml").read_bytes())
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (cut / "journal.jsonl").write_bytes(b"".join(lines[:4]))
    rows = list(SampleTable.of(RunFolder(cut)).rows())
    assert len(rows) == 10
    assert [row["failure"] for row in rows].count("not_asked") == 7
    assert all(row["score"] is None for row in rows if row["failure"])


def test_all_formats_hold_the_same(exported: Written) -> None:
    parquet = pd.read_parquet(exported("s.parquet"))
    lines = exported("s.jsonl").read_text().splitlines()
    table = read_csv(exported("s.csv", "--raw"))
    assert list(parquet.columns) == list(table.columns)
    whole = [column.name for column in SAMPLES if column.kind == "whole"]
    pd.testing.assert_frame_equal(
        parquet.astype(dict.fromkeys(whole, "float64")),
        table.astype(dict.fromkeys(whole, "float64")),
        check_dtype=False,
    )
    assert [json.loads(line)["answer"] for line in lines] == list(parquet["answer"])


def test_parquet_has_typed_columns(exported: Written) -> None:
    import pyarrow.parquet as pq

    kinds = {"text": "string", "whole": "int64", "number": "double", "flag": "bool"}
    schema = pq.read_schema(exported("s.parquet"))
    assert {f.name: str(f.type) for f in schema} == {c.name: kinds[c.kind] for c in SAMPLES}


def test_metrics_hold_their_intervals_and_what_was_left_out(run: Path, exported: Written) -> None:
    table = read_csv(exported("m.csv", table="metrics"), METRICS)
    parquet = pd.read_parquet(exported("m.parquet", table="metrics"))
    rows = list(metric_rows(report_of(run)))
    own = table[table["metric"] == "accuracy"].iloc[0]
    assert (own["n"], own["excluded"], own["model"]) == (9, 1, rows[0]["model"])
    assert own["low"] < own["value"] < own["high"]
    assert list(table["value"]) == list(parquet["value"]) == [row["value"] for row in rows]


# --- spreadsheets --------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'=1"])
def test_a_formula_becomes_text(cell: str) -> None:
    assert as_text(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "yes", "-5", "+3.25", "-1,5", "a=b", " =x"])
def test_what_is_no_formula_stays_as_it_is(cell: str) -> None:
    assert as_text(cell) == cell


def test_removing_one_apostrophe_gives_back_every_answer(exported: Written) -> None:
    cells = [row["answer"] for row in rows_of(exported("s.csv"))]
    assert cells[2].startswith("'=HYPERLINK")
    assert [cell.removeprefix("'") for cell in cells] == [*ANSWERS, ""]


def test_raw_leaves_formulas_alone(exported: Written) -> None:
    assert [row["answer"] for row in rows_of(exported("s.csv", "--raw"))] == [*ANSWERS, ""]


# --- files ---------------------------------------------------------------------------


def test_without_files_both_tables_go_into_the_run_folder(run: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(run)])
    assert f"10 samples: {run / 'samples.csv'}" in done.output
    assert (run / "metrics.csv").exists()


def test_a_table_can_be_printed(run: Path) -> None:
    words = ["export", str(run), "--samples", "-", "--format", "jsonl"]
    done = CliRunner().invoke(app, words)
    assert [json.loads(line)["repeat"] for line in done.stdout.splitlines()] == [0] * 10


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_what_is_interrupted_leaves_the_old_file_and_no_half_one(
    run: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"s.{suffix}"
    target.write_text("the old one")
    rows = chain.from_iterable(repeat(list(SampleTable.of(RunFolder(run)).rows()), 500))

    def advance(more: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TableFile.named(target).write(rows, SAMPLES, advance)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert target.read_text() == "the old one"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--samples", "s.txt"], "no format in the name"),
        (["--samples", "s.csv", "--format", "jsonl"], "says csv, --format says jsonl"),
        (["--samples", "-", "--metrics", "-"], "would mix two tables"),
        (["--samples", "-", "--format", "parquet"], "name a file"),
        (["--eval", "nope"], "it holds plain.test.v1"),
        (["--model", "nope"], "no answers of 'nope'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(run: Path, words: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["export", str(run), *words])
    assert told in str(done.exception)
    assert isinstance(done.exception, UsageError)


def test_what_a_run_consists_of_is_never_overwritten(run: Path) -> None:
    before = (run / "journal.jsonl").read_bytes()
    done = CliRunner().invoke(app, ["export", str(run), "--samples", str(run / "journal.jsonl")])
    assert "name another file" in str(done.exception)
    assert (run / "journal.jsonl").read_bytes() == before


def test_without_pyarrow_the_extra_is_named(run: Path, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        f"sys.argv = ['harness', 'export', {str(run)!r}, '--samples', 's.parquet']\n"
        "from harness.cli import main; main()"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "harness: s.parquet: Parquet needs pyarrow; pip install 'finetune-harness[parquet]'\n"
    )


def test_a_place_that_cannot_be_written_is_named(run: Path) -> None:
    rows = SampleTable.of(RunFolder(run)).rows()
    with pytest.raises(UsageError, match=r"/proc/no/s.csv: cannot be written"):
        TableFile(Path("/proc/no/s.csv"), "csv").write(rows, SAMPLES, lambda more: None)


def test_rows_are_written_before_all_of_them_are_made(run: Path, tmp_path: Path) -> None:
    (row, *_) = SampleTable.of(RunFolder(run)).rows()
    made, ahead = 0, []

    def rows():
        nonlocal made
        for made in range(1, 10 * ROWS_AT_ONCE + 1):  # noqa: B007 - counted for `advance`
            yield row

    written = 0

    def advance(more: int) -> None:
        nonlocal written
        written += more
        ahead.append(made - written)

    TableFile.named(tmp_path / "s.csv").write(rows(), SAMPLES, advance)
    assert written == made == 10 * ROWS_AT_ONCE
    assert max(ahead) <= ROWS_AT_ONCE
