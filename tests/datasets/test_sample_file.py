"""Samples looked up by id: the same as read in order, without holding their texts."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.datasets import Reading, clusters, read_samples, samples_by_id
from harness.datasets.sample_file import SampleFile

LINES = [
    '{"input": "one?", "ideal": "1"}',
    "",
    '{"input": "two?", "ideal": "2", "cluster": "c"}',
    '{"input": "zw\u00f6lf?", "ideal": "12"}',
]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_looked_up_samples_are_those_that_are_read(tmp_path: Path, ending: str, start: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_bytes((start + ending.join(LINES)).encode())
    found = samples_by_id(path, "numbers.test.v1", Reading())
    assert isinstance(found, SampleFile)
    assert list(found.values()) == list(read_samples(path, "numbers.test.v1"))
    assert len(found) == 3
    assert "numbers.test.2" in found
    assert found["numbers.test.1"].cluster == "c"


def test_the_documents_of_samples_are_known_without_reading_the_others(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(LINES))
    found = samples_by_id(path, "numbers.test.v1", Reading())
    assert clusters(found) == clusters(dict(found)) == {"numbers.test.1": "c"}


def test_only_picked_samples_are_there(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(LINES))
    found = samples_by_id(path, "numbers.test.v1", Reading(), max_samples=2)
    read = read_samples(path, "numbers.test.v1", max_samples=2)
    assert list(found) == [sample.id for sample in read]


STRANGERS = ("3", "01", "-1", "\u0661", "", "1.1", "9" * 5000)


@pytest.mark.parametrize(
    "stranger", ["numbers.test", "letters.test.1", *(f"numbers.test.{end}" for end in STRANGERS)]
)
def test_an_id_that_no_sample_has_is_not_there(tmp_path: Path, stranger: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(LINES))
    found = samples_by_id(path, "numbers.test.v1", Reading())
    assert stranger not in found
    with pytest.raises(KeyError):
        found[stranger]


def test_a_sample_that_was_not_picked_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(LINES))
    found = samples_by_id(path, "numbers.test.v1", Reading(), max_samples=2)
    every = {"numbers.test.0", "numbers.test.1", "numbers.test.2"}
    assert len(found) == 2
    assert {key for key in every if key in found} == set(found)


def test_samples_of_a_packed_file_are_held(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(LINES).encode()))
    found = samples_by_id(path, "numbers.test.v1", Reading())
    assert list(found.values()) == list(read_samples(path, "numbers.test.v1"))
