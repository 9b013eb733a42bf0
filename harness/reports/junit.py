"""Renders a Gate as JUnit XML, which every CI system shows: one test case a check.

Model and registry texts become attributes and text of a tree, so none of them can be markup.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from harness.records import Check, Gate
from harness.reports import gates, wording

SUITE = "harness gate"
MOST_CHARACTERS = 2_000

KINDS = {"fail": "failure", "unjudged": "error"}
"""What a check that does not pass becomes; one that is open is a failure or is skipped."""


def render_junit(gate: Gate) -> str:
    """Return the XML: failed checks are failures, unjudged ones errors.

    An inconclusive check is a failure, or skipped where the policy only warns of it.
    """
    cases = [_case(gate, check) for check in gate.checks]
    counts = {kind: _count(cases, kind) for kind in ("failure", "error", "skipped")}
    totals = {
        "tests": str(len(cases)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": "0",
    }
    root = ET.Element("testsuites", {"name": SUITE, **totals})
    suite = ET.SubElement(root, "testsuite", {"name": _text(gate.policy), **totals})
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", {"name": "outcome", "value": gate.outcome})
    ET.SubElement(properties, "property", {"name": "alpha", "value": f"{gate.alpha:g}"})
    suite.extend(cases)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _case(gate: Gate, check: Check) -> ET.Element:
    name = gates.title(check).removeprefix(f"{check.eval}: ")
    case = ET.Element(
        "testcase", {"classname": _text(check.eval), "name": _text(name), "time": "0"}
    )
    told = _text(f"{gates.asked(check)}: {gates.found(check)}")
    if kind := _kind(gate, check):
        attributes = {"message": told}
        if kind != "skipped":
            attributes["type"] = check.outcome
        ET.SubElement(case, kind, attributes)
    ET.SubElement(case, "system-out").text = _text(f"{check.tuned}: {told}")
    return case


def _kind(gate: Gate, check: Check) -> str:
    if check.outcome == "pass":
        return ""
    if not check.decisive:
        return "skipped"
    quiet = "skipped" if gate.inconclusive == "warn" else "failure"
    return KINDS.get(check.outcome, quiet)


def _count(cases: list[ET.Element], kind: str) -> int:
    return sum(case.find(kind) is not None for case in cases)


def _text(text: str) -> str:
    return wording.printable(wording.shortened(text, MOST_CHARACTERS))
