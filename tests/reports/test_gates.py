"""A gate in words, JUnit, Markdown, GitHub commands and JSON; strangers' names stay harmless."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from junitparser import Error, Failure, JUnitXml, TestCase

from harness.records import Check, Estimate, Gate, Rule
from harness.reports import gates
from harness.reports.document import Document, Provenance
from harness.reports.escaping import code
from harness.reports.github import commands, harmless, outputs
from harness.reports.html import render_html
from harness.reports.json import SCHEMA, gate_of, render_json
from harness.reports.junit import render_junit
from harness.reports.markdown import render_markdown
from harness.reports.markdown_gate import render_gate_markdown

DELTA = Estimate(0.13, 0.08, 0.19, 138, "Tango")
RULE = Rule("non_inferior", "orders.*", 0.02)
CHECK = Check("orders.v1", RULE, "tuned", "pass", "base", estimate=DELTA, p_value=0.0004)
HOSTILE = "]]><x>&\"'\n::error::owned\x00\x1b[31m|`@all ##[add-mask]x <!-- \ud800"


def gate(*checks: Check, **fields: str) -> Gate:
    order = ("pass", "inconclusive", "unjudged", "fail")
    worst = max((c.outcome for c in checks if c.decisive), key=order.index)
    return Gate("team", worst, checks, **fields)  # type: ignore[arg-type]


def document(found: Gate) -> Document:
    return Document("t", "", (), Provenance("harness gate", "0", "p", "b"), gate=found)


FAIL = replace(
    CHECK, outcome="fail", estimate=Estimate(-0.2, -0.27, -0.13, 138, "Tango"), p_missed=0.0002
)
OPEN = replace(
    CHECK, outcome="inconclusive", estimate=Estimate(0, -0.03, 0.03, 138, ""), needed=1240
)
LOST = replace(CHECK, outcome="unjudged", estimate=None, reason="the server was down")
BESIDE = replace(FAIL, decisive=False)

# --- words ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "unit", "words"),
    [
        (RULE, "share", "a drop of up to 2 points is accepted"),
        (Rule("non_inferior", "*", 0.01), "share", "a drop of up to 1 point is accepted"),
        (Rule("non_inferior", "*", 0.0), "share", "no drop is accepted"),
        (
            Rule("non_inferior", "*", 0.025, "made_up", True),
            "share",
            "a rise of up to 2.5 points is accepted",
        ),
        (Rule("superior", "*"), "share", "it has to be better than the base"),
        (
            Rule("gain", "*", 0.05),
            "share",
            "it has to be better than the base by more than 5 points",
        ),
        (
            Rule("gain", "*", 0.5, "turns", True),
            "count",
            "it has to be lower than the base by more than 0.500",
        ),
        (Rule("floor", "*", 0.8), "share", "the score has to be at least 80%"),
        (
            Rule("ceiling", "*", 0.005, "failure_share", True),
            "share",
            "at most 0.5% of the answers may fail",
        ),
        (
            Rule("ceiling", "*", 2.0, "latency_p95_s", True),
            "share",
            "95% of the answers have to come within 2 s",
        ),
        (
            Rule("ceiling", "*", 0.0012, "cost_usd", True),
            "usd",
            "an answer may cost at most $0.00120",
        ),
        (
            Rule("ceiling", "*", 400, "tokens", True),
            "count",
            "an answer may take at most 400 tokens",
        ),
        (Rule("ceiling", "*", 0.05, "made_up", True), "share", "made_up may be at most 5%"),
        (Rule("must_pass", "*", samples=("a", "b")), "share", "2 samples must be right"),
        (Rule("diversity", "*", 0.1), "share", "a loss of variety of up to 10% is accepted"),
        (Rule("forgetting", "*", 0.03), "share", "a drop of up to 3 points is accepted"),
    ],
)
def test_what_is_asked_reads_as_a_sentence(rule: Rule, unit: str, words: str) -> None:
    assert gates.asked(replace(CHECK, rule=rule, unit=unit)) == words


def test_what_was_found_reads_as_a_sentence() -> None:
    assert gates.found(CHECK) == "better than the base by 8 to 19 points; 138 samples; p < .001"
    assert gates.found(FAIL) == "worse than the base by 13 to 27 points; 138 samples; p < .001"
    assert gates.found(OPEN) == (
        "not clearly different from the base (−3 to +3 points); 138 samples; p < .001; "
        "about 1,240 more samples like these would decide"
    )
    assert gates.found(LOST) == "the server was down"
    assert "picked from 5 models" in gates.found(replace(CHECK, candidates=5))


def test_the_headline_counts() -> None:
    assert gates.headline(gate(CHECK)) == "PASS: 1 check passed"
    assert gates.headline(gate(CHECK, CHECK, BESIDE)) == "PASS: all 2 checks passed"
    assert gates.headline(gate(CHECK, FAIL, OPEN)) == "FAIL: of 3 checks 1 failed, 1 open, 1 passed"
    assert gates.headline(gate(CHECK, LOST)) == (
        "COULD NOT JUDGE: of 2 checks 1 could not be judged, 1 passed"
    )


# --- JUnit ---------------------------------------------------------------------------


def suite(found: Gate) -> ET.Element:
    (one,) = ET.fromstring(render_junit(found))
    return one


def test_junit_has_one_case_a_check_and_counts_them() -> None:
    one = suite(gate(CHECK, FAIL, OPEN, LOST, BESIDE))
    cases = one.findall("testcase")
    assert [c.find("failure") is not None for c in cases] == [False, True, True, False, False]
    assert [c.find("error") is not None for c in cases] == [False, False, False, True, False]
    assert [c.find("skipped") is not None for c in cases] == [False, False, False, False, True]
    names = ("tests", "failures", "errors", "skipped")
    assert [one.get(name) for name in names] == ["5", "2", "1", "1"]
    assert cases[1].get("classname") == "orders.v1"
    assert cases[1].get("name") == "not worse"


def test_an_open_check_is_skipped_where_the_policy_only_warns() -> None:
    one = suite(gate(OPEN, inconclusive="warn"))
    assert one.get("failures") == "0"
    assert one.find("testcase/skipped") is not None


def test_junit_follows_the_order_that_readers_expect() -> None:
    one = suite(gate(FAIL))
    assert [part.tag for part in one] == ["properties", "testcase"]
    assert [part.tag for part in one[1]] == ["failure", "system-out"]


def test_a_junit_reader_finds_what_was_written() -> None:
    report = JUnitXml.fromstring(render_junit(gate(CHECK, FAIL, LOST, STRANGE)).encode())
    (one,) = report
    assert all(case.classname and case.name for case in one)
    assert (one.tests, one.failures, one.errors) == (4, 2, 1)
    assert sum(Failure in kinds for kinds in map(kinds_of, one)) == 2
    assert sum(Error in kinds for kinds in map(kinds_of, one)) == 1


def kinds_of(case: TestCase) -> list[type]:
    return [type(result) for result in case.result]


# --- strangers' words ----------------------------------------------------------------

STRANGE = replace(
    FAIL, eval=HOSTILE, tuned=HOSTILE, reason=HOSTILE, rule=replace(RULE, metric=HOSTILE)
)


def test_strange_names_stay_text_in_xml() -> None:
    one = suite(replace(gate(STRANGE), policy=HOSTILE))
    (case,) = one.findall("testcase")
    assert "<x>" in str(case.get("classname"))
    assert one.find(".//x") is None


def test_strange_names_start_no_command_on_github() -> None:
    lines = list(commands(replace(gate(STRANGE), policy=HOSTILE)))
    assert all(line.startswith("::error title=") for line in lines)
    assert not any("\n" in line or "\r" in line for line in lines)
    told = [line.removeprefix("::error title=") for line in lines]
    assert all("::error::" not in line.partition("::")[0] for line in told)
    assert harmless("::set-output name=x::y").startswith("\u200b")
    assert "##[" not in harmless("a ##[add-mask]b")


def test_strange_names_are_no_markup_in_markdown() -> None:
    text = render_gate_markdown(replace(gate(STRANGE), policy=HOSTILE))
    outside = text.replace(code(HOSTILE), "")
    assert code(HOSTILE) in text
    assert "<x>" not in outside
    assert "@all" not in outside
    assert text.count("\n| ") == 3


def test_strange_names_are_no_markup_in_html() -> None:
    assert "<x>" not in render_html(document(gate(STRANGE)))


def test_outputs_are_words_of_ours() -> None:
    assert outputs(gate(STRANGE)) == "outcome=fail\nchecks=1\n"


def test_github_shows_ten_of_a_level_at_most() -> None:
    lines = list(commands(gate(*[FAIL] * 30)))
    assert len(lines) == 10


def test_a_pass_is_a_notice() -> None:
    assert list(commands(gate(CHECK))) == [
        "::notice title=harness gate::PASS: 1 check passed (policy team)"
    ]


# --- reports -------------------------------------------------------------------------


def test_the_gate_in_a_report_follows_the_schema() -> None:
    report = json.loads(render_json(document(gate(CHECK, FAIL, OPEN, LOST, BESIDE, STRANGE))))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert report["gate"]["outcome"] == "fail"
    assert report["gate"] == gate_of(gate(CHECK, FAIL, OPEN, LOST, BESIDE, STRANGE))


def test_reports_open_with_the_gate() -> None:
    found = document(gate(CHECK))
    assert "## Gate: ✅ PASS: 1 check passed" in render_markdown(found)
    assert "Gate: PASS: 1 check passed" in render_html(found)
