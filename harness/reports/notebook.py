"""A result as one HTML card for a notebook: the verdict, a small table, nothing to load.

Colours come from the page around it, so that light and dark both work; only chips have their
own. No script, no stylesheet, no address; every word of a model or registry is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from harness.records import Advice, Check, Finding, Gate
from harness.reports import economics, gates, lint_words, scores, wording
from harness.reports.document import Document, Section
from harness.reports.lint_document import LintReport
from harness.reports.sections import own_comparisons, story, verdict
from harness.reports.verdicts import by_epochs, clarity, kind

Tone = Literal["good", "bad", "care", "plain"]

CHIPS: dict[Tone, str] = {
    "good": "#1a7f37",
    "bad": "#b42318",
    "care": "#8a5a00",
    "plain": "#57606a",
}
"""White words are read on each of them: a contrast of 5 to 1 and more."""

LINE = "rgba(128,128,128,.35)"
MOST_ROWS = 12
MOST_SECTIONS = 12
MOST_FINDINGS = 6
TEXT_LIMIT = 400
SHORT = 24

CELL = f"padding:.3em .9em .3em 0;text-align:left;vertical-align:top;border-top:1px solid {LINE}"
HEAD = "padding:.2em .9em .2em 0;text-align:left;font-weight:600;opacity:.75"
BOX = (
    f"border:1px solid {LINE};border-radius:6px;padding:.7em 1em;margin:.3em 0;max-width:72em;"
    "font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;overflow-x:auto"
)


@dataclass(frozen=True, slots=True)
class Chip:
    """A verdict in a word or two, on its colour."""

    text: str
    tone: Tone

    @property
    def html(self) -> str:
        """The chip."""
        style = (
            f"background:{CHIPS[self.tone]};color:#fff;border-radius:4px;padding:.1em .5em;"
            "font-weight:600;white-space:nowrap"
        )
        return f'<span style="{style}">{_text(self.text)}</span>'


KINDS: dict[str, Tone] = {
    "keep": "good",
    "more": "care",
    "fewer": "care",
    "fix": "bad",
    "unsure": "plain",
}
CLARITIES: dict[str, Chip] = {
    "better": Chip("better", "good"),
    "worse": Chip("worse", "bad"),
    "level": Chip("not clearly different", "plain"),
    "mixed": Chip("better, less diverse", "care"),
    "unsure": Chip("cannot tell", "plain"),
}
OUTCOMES: dict[str, Tone] = {
    "pass": "good",
    "fail": "bad",
    "inconclusive": "care",
    "unjudged": "plain",
}
COMPARED = ("Tuned model", "Result", "Base → tuned", "Difference", "p, flips", "Samples")
CHECKED = ("Result", "Eval", "Model", "What is asked", "What was found")
SEVERITIES: dict[str, Tone] = {"block": "bad", "warn": "care", "info": "plain"}


# --- whole cards ---------------------------------------------------------------------


def document_card(document: Document, notes: Sequence[str] = ()) -> str:
    """A study, a run or a comparison: the gate, then a verdict and a table for each eval."""
    parts = [_title(document.title)]
    if document.gate is not None:
        parts += _gate_parts(document.gate)
    for section in document.sections[:MOST_SECTIONS]:
        parts += _section_parts(section)
    if len(document.sections) > MOST_SECTIONS:
        parts.append(_small(f"{len(document.sections) - MOST_SECTIONS:,} more evals"))
    if not document.sections:
        parts.append(_line("Nothing was measured."))
    parts += _finding_parts(document.findings)
    parts += map(_small, notes)
    return _card(parts)


def advice_card(advice: Sequence[Advice]) -> str:
    """What to do next, for each eval, with the evidence that decides."""
    parts = [_title("Advice")]
    for name in dict.fromkeys(one.eval for one in advice):
        parts += [_eval(name), *_advice_parts([one for one in advice if one.eval == name])]
    return _card(parts)


def gate_card(gate: Gate) -> str:
    """What a policy says."""
    return _card([_title("Gate"), *_gate_parts(gate)])


def lint_card(report: LintReport) -> str:
    """What is wrong with training data."""
    tones: dict[str, Tone] = {"pass": "good", "blocked": "bad", "unjudged": "plain"}
    parts = [_title(f"Lint of {report.path}")]
    parts.append(_line_of(Chip(lint_words.headline(report), tones[report.outcome]).html))
    parts += map(_small, lint_words.about(report))
    rows = [
        (
            Chip(one.severity, SEVERITIES[one.severity]).html,
            _text(one.rule),
            _text(one.message),
            _text(str(one.evidence.get("repair", ""))),
        )
        for one in report.findings
    ]
    parts += _table(("Result", "Lint", "What was found", "Repair"), rows)
    return _card(parts)


# --- one eval ------------------------------------------------------------------------


def _section_parts(section: Section) -> Iterator[str]:
    yield _eval(section.eval)
    told = story(section)
    if told == "advice":
        yield from _verdict_parts(section)
    elif told == "comparison":
        yield from _comparison_parts(section)
    else:
        yield from _score_parts(section)
    yield from map(_small, economics.sentences(section))
    yield from _finding_parts(section.findings)


def _verdict_parts(section: Section) -> Iterator[str]:
    """The advice to read first, what it rests on, and every other state in a word."""
    found = verdict(section)
    if found.lead is not None:
        chip = Chip(wording.chip(found.lead), KINDS[kind(found.lead)]).html
        yield _line_of(f"{chip} {_text(wording.headline(found.lead))}")
    if found.comparison is not None:
        yield _line(wording.gain(found.comparison, found.epochs))
    yield from ([_small(found.picked.told)] if found.picked else [])
    if found.lead is not None:
        reason = wording.why(found.lead, beside_gain=found.comparison is not None)
        yield from ([_small(reason)] if reason else [])
    yield _small(
        " · ".join(f"{wording.after(one.epochs)}: {wording.chip(one)}" for one in found.states)
    )


def _advice_parts(advice: Sequence[Advice]) -> Iterator[str]:
    rows = [
        (
            _text(wording.after(one.epochs)),
            Chip(wording.chip(one), KINDS[kind(one)]).html,
            _text(wording.headline(one)),
            _text(wording.why(one)),
            _text(one.confidence),
        )
        for one in by_epochs(advice)
    ]
    yield from _table(("State", "Verdict", "Advice", "Why", "Confidence"), rows)


def _comparison_parts(section: Section) -> Iterator[str]:
    rows = [
        (
            _text(one.tuned),
            CLARITIES[clarity(one)].html,
            _text(scores.course_text(one)),
            _text(wording.delta_text(one.delta)),
            _text(scores.chance_text(one)),
            _text(wording.samples(one)),
        )
        for one in own_comparisons(section)
    ]
    if not rows:
        yield _line("Nothing to compare: no sample has a mark from both models.")
    yield from _table(COMPARED, rows)


def _score_parts(section: Section) -> Iterator[str]:
    rows = []
    for found in scores.all_scores(section):
        own = found.own
        told = (
            f"<b>{_text(own.value)}</b> {_text(own.name)}" if own else _text(scores.unscored(found))
        )
        bounds = _text(own.bounds if own else "")
        samples = _text(wording.sampled(found.n, found.excluded))
        rows.append((_text(found.model), told, bounds, samples, _text(scores.further_text(found))))
    if not rows:
        yield _line("Nothing was answered.")
    yield from _table(("Model", "Score", "95% interval", "Samples", "Besides"), rows)
    yield from (_small(scores.exclusion_text(one)) for one in section.exclusions[:MOST_FINDINGS])


# --- gates and findings --------------------------------------------------------------


def _gate_parts(gate: Gate) -> Iterator[str]:
    tone = OUTCOMES[gate.outcome]
    chip = Chip(gates.OUTCOMES[gate.outcome], tone).html
    told = gates.headline(gate).partition(": ")[2]
    yield _line_of(f"{chip} {_text(told)}; policy <code>{_text(gate.policy)}</code>")
    weight = ("fail", "unjudged", "inconclusive", "pass")
    checks = sorted(gate.checks, key=lambda check: weight.index(check.outcome))
    yield from _table(CHECKED, map(_check, checks))


def _check(check: Check) -> tuple[str, ...]:
    chip = Chip(gates.OUTCOMES[check.outcome].lower(), OUTCOMES[check.outcome]).html
    words = (check.eval, check.tuned, gates.asked(check), gates.found(check))
    return (chip, *map(_text, words))


def _finding_parts(findings: Iterable[Finding]) -> Iterator[str]:
    """What spoils the numbers; notes are left to the report."""
    loud = [one for one in findings if one.severity != "info"]
    for one in loud[:MOST_FINDINGS]:
        chip = Chip(one.severity, SEVERITIES[one.severity]).html
        yield _line_of(f"{chip} {_text(wording.sentence(one.message))}")
    if len(loud) > MOST_FINDINGS:
        yield _small(f"{len(loud) - MOST_FINDINGS:,} more findings are in the report")


# --- HTML ----------------------------------------------------------------------------


def _text(text: str) -> str:
    """A text that HTML shows as it is, on one line."""
    line = " ".join(wording.printable(text).split())
    return escape(wording.shortened(line, TEXT_LIMIT))


def _card(parts: Iterable[str]) -> str:
    return f'<div style="{BOX}">{"".join(parts)}</div>'


def _title(text: str) -> str:
    return f'<div style="font-size:15px;font-weight:600;margin-bottom:.3em">{_text(text)}</div>'


def _eval(name: str) -> str:
    return f'<div style="font-weight:600;margin-top:.7em">{_text(name)}</div>'


def _line(text: str) -> str:
    return _line_of(_text(text))


def _line_of(html: str) -> str:
    return f'<div style="margin:.25em 0">{html}</div>'


def _small(text: str) -> str:
    return f'<div style="margin:.15em 0;opacity:.75">{_text(text)}</div>'


def _cell(html: str, style: str) -> str:
    """A cell; what is short stays on its line."""
    short = ";white-space:nowrap" if len(html) <= SHORT else ""
    return f'<td style="{CELL};{style}{short}">{html}</td>'


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of cells that are HTML already, without columns that nothing stands in."""
    lines = list(rows)
    if not lines:
        return
    kept = [i for i in range(len(header)) if any(line[i] for line in lines)]
    clear = "background:transparent"  # notebooks stripe the rows of tables
    head = "".join(f'<th scope="col" style="{HEAD};{clear}">{header[i]}</th>' for i in kept)
    body = "".join(
        f'<tr style="{clear}">{"".join(_cell(line[i], clear) for i in kept)}</tr>'
        for line in lines[:MOST_ROWS]
    )
    style = "border-collapse:collapse;border:0;margin:.2em 0;font-size:13px"
    yield (
        f'<table style="{style}"><thead><tr style="{clear}">{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
    if len(lines) > MOST_ROWS:
        yield _small(f"{len(lines) - MOST_ROWS:,} more rows; see the frames")
