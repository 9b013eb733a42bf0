from __future__ import annotations

import dataclasses
import json
import math

import jsonschema
import pytest

from harness.records import Estimate, Finding
from harness.reports.document import Document, Result, Section
from harness.reports.json import SCHEMA, plain, render_json

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def loaded(document: Document) -> dict:
    """The report, read as strictly as JSON allows, and checked."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    report = json.loads(render_json(document).encode(), parse_constant=refuse)
    VALIDATOR.validate(report)
    return report


def test_the_schema_is_itself_valid():
    jsonschema.Draft202012Validator.check_schema(VALIDATOR.schema)


def test_a_report_follows_the_schema(document: Document):
    report = loaded(document)
    assert list(report) == [
        "schema_version",
        "generated_by",
        "title",
        "description",
        "evals",
        "comparisons",
        "advice",
        "gate",
        "findings",
        "exclusions",
        "repetitions",
        "copies",
        "prompts",
        "data_gains",
        "break_evens",
        "confusions",
        "provenance",
        "performance",
        "rounds",
    ]
    assert len(report["evals"]) == 18
    assert len(report["advice"]) == 15
    assert report["evals"][0]["name"] == "orders"
    assert report["advice"][4]["recommend"] == -2
    assert [finding["eval"] for finding in report["findings"]] == [None, "orders"]


def test_the_same_document_gives_the_same_text(document: Document):
    assert render_json(document) == render_json(dataclasses.replace(document))
    assert render_json(document).startswith('{\n  "schema_version": 1,\n')


def test_hostile_texts_pass_through_as_data(hostile: Document, document: Document):
    report = loaded(hostile)
    assert "<script>" in report["title"]
    assert len(report["evals"]) == len(loaded(document)["evals"])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_become_null(document: Document, number):
    estimate = Estimate(number, number, number, 0, "none")
    result = Result("e", "open", "m", number, None, {"score": estimate}, 0)
    section = Section("e", "open", "", "score", "b", results=(result,))
    (told,) = loaded(dataclasses.replace(document, sections=(section,)))["evals"]
    assert told["metrics"]["score"]["value"] is None
    assert told["epochs"] is None


def test_evidence_of_any_kind_becomes_plain_data():
    numpy = pytest.importorskip("numpy")
    evidence = {
        "share": numpy.float64(0.5),
        "count": numpy.int64(3),
        "flag": numpy.bool_(True),
        "path": SCHEMA,
        "pair": (1, {"x"}),
        3: None,
    }
    assert plain(Finding("r", "info", "m", evidence))["evidence"] == {
        "share": 0.5,
        "count": 3,
        "flag": True,
        "path": str(SCHEMA),
        "pair": [1, ["x"]],
        "3": None,
    }


def test_units_are_given_for_metrics_that_are_no_fractions(run: Document):
    assert loaded(run)["evals"][0]["units"] == {"words": "count"}


def test_a_run_and_a_comparison_follow_the_schema(run: Document, contest: Document):
    assert loaded(run)["advice"] == loaded(contest)["advice"] == []
    assert [c["tuned"] for c in loaded(contest)["comparisons"]] == [
        "adapter-1",
        "adapter-2",
        "adapter-1",
    ]
