"""Comparisons in which a log of OpenAI evals takes part."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.errors import RunFolderError, UsageError
from harness.pipeline import write_reports
from harness.pipeline.finished.comparing import compare_folders, joined
from harness.pipeline.finished.sides import labelled, side_of
from harness.reports.document import Document
from harness.reports.html import render_html
from harness.reports.json import SCHEMA
from harness.reports.markdown import render_markdown
from harness.running.journal import Journal
from tests.small_run import BASE, TUNED, made_run, outcome

RIGHT = {0: True, 1: True, 2: False, 3: True}


def write_log(path: Path, model: str, marks: Mapping[int, bool], **prompts: str) -> str:
    """A log of Match in which the model answered question ``i`` as ``marks[i]`` says."""
    run = {"run_id": model}
    spec = {
        "completion_fns": [model],
        "eval_name": "sums.dev.v0",
        "run_config": {"eval_spec": {"cls": "evals.elsuite.basic.match:Match", "args": {}}},
        **run,
    }
    lines: list[dict[str, Any]] = [{"spec": spec}]
    for i, right in marks.items():
        about = {**run, "sample_id": f"sums.dev.{i}"}
        asked = [{"role": "user", "content": prompts.get(f"q{i}", f"{i} + 1 =")}]
        said = str(i + 1) if right else "no"
        sampling = {"prompt": asked, "sampled": [said]}
        match = {"correct": right, "expected": str(i + 1), "picked": said if right else None}
        lines.append({**about, "event_id": 2 * i, "type": "sampling", "data": sampling})
        lines.append({**about, "event_id": 2 * i + 1, "type": "match", "data": match})
    lines.append({"final_report": {}, **run})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def compared(*places: str) -> Document:
    return compare_folders(places, [], "harness compare")


def test_two_logs_are_compared_sample_by_sample(tmp_path: Path) -> None:
    old = write_log(tmp_path / "old.jsonl", "old", RIGHT)
    new = write_log(tmp_path / "new.jsonl", "new", {0: True, 1: False, 2: True, 3: True})
    document = compared(old, new)
    (section,) = document.sections
    (found,) = section.comparisons
    assert (found.base, found.tuned, found.fixed, found.broken) == ("old", "new", 1, 1)
    assert found.delta.n == 4
    assert [flip.sample_id for flip in section.flips] == ["sums.dev.1", "sums.dev.2"]
    assert section.findings == ()


def test_the_report_of_two_logs_is_whole(tmp_path: Path) -> None:
    old = write_log(tmp_path / "old.jsonl", "m", RIGHT)
    new = write_log(tmp_path / "new.jsonl", "m", dict.fromkeys(RIGHT, False))
    written = write_reports(compared(old, new), tmp_path / "out")
    report = json.loads(written.json.read_text())
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert [one["tuned"] for one in report["comparisons"]] == ["m (2)"]
    assert {flip.tuned_model for flip in compared(old, new).sections[0].flips} == {"m (2)"}
    assert "m (2)" in written.markdown.read_text()
    assert "m (2)" in written.html.read_text()


def test_samples_of_one_log_only_are_counted_and_left_out(tmp_path: Path) -> None:
    old = write_log(tmp_path / "old.jsonl", "old", RIGHT)
    new = write_log(tmp_path / "new.jsonl", "new", {1: True, 3: True, 7: True})
    (section,) = compared(old, new).sections
    assert section.comparisons[0].delta.n == 2
    (finding,) = section.findings
    assert (finding.rule, finding.evidence) == ("unpaired", {"samples": 3})


def test_samples_whose_prompt_has_changed_are_counted_and_left_out(tmp_path: Path) -> None:
    old = write_log(tmp_path / "old.jsonl", "old", RIGHT)
    new = write_log(tmp_path / "new.jsonl", "new", RIGHT, q2="Two and one?")
    (section,) = compared(old, new).sections
    assert section.comparisons[0].delta.n == 3
    assert [(f.rule, f.evidence["samples"]) for f in section.findings] == [("changed", 1)]


def test_logs_without_a_common_prompt_are_refused(tmp_path: Path) -> None:
    old = write_log(tmp_path / "old.jsonl", "old", {0: True})
    for marks, prompts, why in (({0: True}, {"q0": "?"}, "prompts differ"), ({5: True}, {}, "no")):
        new = write_log(tmp_path / "new.jsonl", "new", marks, **prompts)
        with pytest.raises(RunFolderError, match=f"sums.dev.v0: .*{why}"):
            compared(old, new)


def test_logs_of_different_evals_share_nothing(tmp_path: Path, golden: Path) -> None:
    ours = write_log(tmp_path / "old.jsonl", "old", RIGHT)
    theirs = str(golden / "2d_movement.dev.v0.jsonl")
    with pytest.raises(UsageError, match=r"share none \(.*holds sums.dev.v0; .*2d_movement"):
        compared(ours, theirs)


def test_a_log_is_one_models(tmp_path: Path) -> None:
    place = write_log(tmp_path / "old.jsonl", "old", RIGHT)
    assert side_of(f"{place}#old").model == "old"
    with pytest.raises(UsageError, match="holds answers of 'old', none of 'new'"):
        side_of(f"{place}#new")


def test_what_a_log_lacks_is_said(tmp_path: Path) -> None:
    old = write_log(tmp_path / "old.jsonl", "old", RIGHT)
    lines = Path(old).read_text().splitlines()
    Path(old).write_text("\n".join(lines[:-1]))
    new = write_log(tmp_path / "new.jsonl", "new", RIGHT)
    (section,) = compared(old, new).sections
    assert [finding.rule for finding in section.findings] == ["log"]
    assert "no final report" in section.findings[0].message


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_run_folder_and_its_own_log_say_the_same(
    place: Path, start: Callable[..., Any], order: tuple[int, int]
) -> None:
    words = ("run", "small-orders.test.v1", "-m", "embedded:tiny-base", "--registry", "reg")
    out = f"own-log-{order[0]}"
    process = start(*words, "--out", out, "--max-samples", "4")
    process.communicate(timeout=120)
    assert process.returncode == 0
    places = (str(place / out), str(place / out / "logs" / "small-orders.test.v1.jsonl"))
    sides = list(labelled([side_of(places[i]) for i in order]))
    track = joined("small-orders.test.v1", sides[0], sides[1:])
    assert len(track.heldout) == 4
    assert track.spec.grader == "extraction"
    assert track.findings == ()
    one, other = (track.of(name) for name in ("tiny-base", "tiny-base (2)"))
    assert one is not None
    assert other is not None
    assert one.by_prompt == other.by_prompt
    assert dict(one.texts) == dict(other.texts)
    assert {key: list(map(dict, rows)) for key, rows in one.details.items()} == {
        key: list(map(dict, rows)) for key, rows in other.details.items()
    }


def test_a_tuned_model_that_is_compared_with_is_called_no_base(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run")
    with Journal.open(folder.journal, folder.read().hash, resume=True) as journal:
        for number in range(40):
            journal.append(outcome("third", number, float(number % 2)))
    places = [f"{folder.path}#{model}" for model in (TUNED, "third")]
    document = compared(*places)
    page = render_html(document).split("<body>")[1].split("<footer")[0]
    told = page.split('id="glossary')[0]
    assert f"third is not clearly different from {TUNED}" in told
    assert "from base" not in told
    assert f'Against <bdi class="name">{TUNED}</bdi>' in told
    assert ">Base<" not in told
    assert f"third is not clearly different from {TUNED}" in render_markdown(document)
    based = compared(f"{folder.path}#{BASE}", places[0])
    assert "than base" in render_markdown(based)


def test_models_are_called_by_the_names_that_are_given(tmp_path: Path) -> None:
    folder = made_run(tmp_path / "run")
    places = [f"{folder.path}#{model}" for model in (TUNED, BASE)]
    document = compare_folders(places, [], "harness compare", names=("A: tuned", "B: base"))
    (section,) = document.sections
    (found,) = section.comparisons
    assert (found.base, found.tuned) == ("A: tuned", "B: base")
