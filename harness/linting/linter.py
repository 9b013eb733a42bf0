"""The story of a lint: read the file once, hold every lint of the table against it, report."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.analysis.cost import PriceTable
from harness.errors import DatasetError
from harness.linting import tokens as token_counts
from harness.linting.columns import Columns
from harness.linting.counting import hits, so_many
from harness.linting.examples import Example, example_of, format_of
from harness.linting.question import Question, guessed_task
from harness.linting.shapes import fault_of, no_format
from harness.linting.source import Line, check_kind, lines_of
from harness.linting.spending import default_epochs, training_costs
from harness.linting.table import every_lint
from harness.linting.verdicts import EXAMPLES_SHOWN, Hit, Lint, Measured, Skipped
from harness.records import Finding, Sample, Severity, Task
from harness.reports.lint_document import LintCheck, LintOutcome, LintReport, TokenCount
from harness.reports.wording import counted

SEVERITIES: tuple[Severity, ...] = ("info", "warn", "block")
HOSTED_LIMIT = 65_536
"""What a training example may have where no model is named: the limit of OpenAI's models."""


class Watch(Protocol):
    """Told how far a lint has come."""

    def reading(self, path: Path, size: int) -> None:
        """So many bytes more of a file have been read."""
        ...

    def looking(self, rule: str) -> None:
        """A lint that looks at all examples begins."""
        ...


@dataclass(frozen=True, slots=True)
class LintOptions:
    """What a user says of the data and of what is to become of them.

    ``wanted_refusals`` is a share; ``max_tokens`` the most an example may have; ``token_files``
    the folder where tiktoken keeps its files; ``base_marks`` the base model's scores on training
    prompts by line, several answers each.
    """

    wanted_refusals: float | None = None
    model: str | None = None
    epochs: int | None = None
    max_tokens: int | None = None
    prices: Sequence[PriceTable] = ()
    token_files: Path | None = None
    base_marks: Mapping[int, Sequence[float]] = field(default_factory=dict)


def lint(
    path: Path,
    heldout: Path | Iterable[Sample] | None = None,
    task: Task | None = None,
    options: LintOptions = LintOptions(),
    watch: Watch | None = None,
) -> LintReport:
    """Hold every lint of the table against a training file.

    ``heldout`` is a file of samples or of training lines, or the samples themselves; ``task`` is
    guessed from the answers where it is None. Data of which nothing can be judged are a report
    with the outcome "unjudged" and a reason.

    Raises:
        UsageError: there is no such file, or it is a folder.
        DatasetError: the held-out data cannot be read.
    """
    where = str(heldout) if isinstance(heldout, Path) else None
    with ExitStack() as stack:
        other = stack.enter_context(closing(Columns())) if heldout is not None else None
        if other is not None and heldout is not None:
            _read_heldout(heldout, other, watch)
        reading = stack.enter_context(closing(Reading(options, other is not None)))
        try:
            reading.read(path, watch)
        except DatasetError as error:
            return LintReport(str(path), where, "unjudged", reason=str(error))
        if not len(reading.columns):
            return LintReport(str(path), where, "unjudged", reason=reading.why_nothing(path))
        question = reading.question(other or None, task)
        return _report(path, where, question, reading, watch)


def _report(
    path: Path, where: str | None, question: Question, reading: Reading, watch: Watch | None
) -> LintReport:
    options = reading.options
    checks: list[LintCheck] = []
    findings: list[Finding] = []
    for rule in every_lint():
        if watch is not None and rule.measure is not None:
            watch.looking(rule.rule)
        check, finding = _held(rule, question, reading)
        checks.append(check)
        findings += [finding] if finding is not None else []
    default = default_epochs(question.n)
    epochs = options.epochs or default
    total = question.tokens.total if question.tokens is not None else 0
    return LintReport(
        path=str(path),
        heldout=where,
        outcome=_outcome(findings),
        format=question.train.formats.most_common(1)[0][0],
        task=question.task,
        task_guessed=question.task_guessed,
        examples=question.n,
        heldout_examples=len(question.heldout) if question.heldout is not None else 0,
        findings=tuple(sorted(findings, key=lambda f: -SEVERITIES.index(f.severity))),
        checks=tuple(checks),
        tokens=question.tokens,
        epochs=epochs,
        default_epochs=default,
        costs=training_costs(total, epochs, options.prices, options.model),
    )


def _outcome(findings: Iterable[Finding]) -> LintOutcome:
    return "blocked" if any(f.severity == "block" for f in findings) else "pass"


# --- reading -------------------------------------------------------------------------


class Reading:
    """One pass over a training file: what single lines show, and the columns to compare.

    ``held_out`` says that there are held-out data, to which all turns of chats are compared.
    """

    def __init__(self, options: LintOptions, held_out: bool = False) -> None:
        self.options = options
        self.columns = Columns(keeps_turns=held_out)
        self.looks = {rule.rule: Seen() for rule in every_lint() if rule.look is not None}
        self.broken: list[Line] = []
        self.misshapen: list[Line] = []
        self.seen = 0
        self._counter = token_counts.counter_for(options.model, options.token_files)

    def read(self, path: Path, watch: Watch | None) -> None:
        """Take in all lines.

        Raises:
            UsageError: there is no such file, or it is a folder.
            DatasetError: nothing in it can be a line of training data.
        """
        for line in lines_of(path):
            self.seen += 1
            if watch is not None:
                watch.reading(path, line.size)
            if line.value is None:
                self.broken.append(line)
                continue
            example = _example(line)
            if isinstance(example, Line):
                self.misshapen.append(example)
            else:
                self._take(example)

    def _take(self, example: Example) -> None:
        self.columns.add(example)
        spoken = 1 + len(example.turns) if example.format != "prompt and completion" else 0
        overhead = token_counts.A_MESSAGE * spoken
        self.columns.tokens.append(self._counter.count(example.text) + overhead)
        for rule in every_lint():
            if rule.look is not None:
                said = rule.look(example)
                if said:
                    self.looks[rule.rule].add(example.line, said)

    def why_nothing(self, path: Path) -> str:
        """Why no line could be taken, by the first one."""
        first = min([*self.broken, *self.misshapen], key=lambda line: line.number, default=None)
        if first is None:
            return f"{path}: holds no examples"
        more = f" (and {counted(self.seen - 1, 'more line')})" if self.seen > 1 else ""
        return f"{path}:{first.number}: {first.fault}{more}"

    def question(self, heldout: Columns | None, task: Task | None) -> Question:
        """What all lints look at."""
        limit, whose = self._limit()
        return Question(
            train=self.columns,
            heldout=heldout,
            broken=self.broken,
            misshapen=self.misshapen,
            seen=self.seen,
            task=task or guessed_task(self.columns),
            task_guessed=task is None,
            wanted_refusals=self.options.wanted_refusals,
            limit=limit,
            limit_of=whose,
            tokens=self._tokens(),
            base_marks=self.options.base_marks,
        )

    def _limit(self) -> tuple[int | None, str]:
        options = self.options
        if options.max_tokens is not None:
            return options.max_tokens, ""
        if options.model is not None:
            return token_counts.limit_of(options.model), f", the limit of {options.model}"
        return HOSTED_LIMIT, ", the limit of OpenAI's models"

    def _tokens(self) -> TokenCount:
        counts = self.columns.tokens
        longest = max(range(len(counts)), key=counts.__getitem__)
        return TokenCount(
            total=sum(counts),
            longest=counts[longest],
            longest_line=self.columns.lines[longest],
            exact=self._counter.exact,
            method=self._counter.method,
        )

    def close(self) -> None:
        """Forget all texts."""
        self.columns.close()


class Seen:
    """The lines that a look has found fault with."""

    def __init__(self) -> None:
        self.lines = array("q")
        self.examples: list[tuple[int, str]] = []

    def add(self, line: int, said: str) -> None:
        """Take in one line, and what was said of it."""
        self.lines.append(line)
        if len(self.examples) < EXAMPLES_SHOWN:
            self.examples.append((line, said))


def _example(line: Line) -> Example | Line:
    """The example of a line, or the line with what is wrong with its shape."""
    value = line.value or {}
    kind = format_of(value)
    if kind is None or kind == "sample":
        said = "is a sample of an eval, not a training example" if kind else no_format(value)
        return Line(line.number, None, said)
    fault = fault_of(value, kind)
    return Line(line.number, None, fault) if fault else example_of(value, line.number, kind)


def _read_heldout(heldout: Path | Iterable[Sample], columns: Columns, watch: Watch | None) -> None:
    if isinstance(heldout, Path):
        check_kind(heldout)
        examples = _heldout_lines(heldout, watch)
    else:
        examples = _samples(heldout)
    for example in examples:
        columns.add(example)
    if isinstance(heldout, Path) and not len(columns):
        raise DatasetError(f"{heldout}: holds no held-out samples")


def _heldout_lines(path: Path, watch: Watch | None) -> Iterator[Example]:
    for line in lines_of(path):
        if watch is not None:
            watch.reading(path, line.size)
        value = line.value or {}
        kind = format_of(value)
        fault = line.fault or (no_format(value) if kind is None else fault_of(value, kind))
        if fault or kind is None:
            raise DatasetError(f"{path}:{line.number}: {fault}")
        yield example_of(value, line.number, kind)


def _samples(samples: Iterable[Sample]) -> Iterator[Example]:
    for number, sample in enumerate(samples, 1):
        value: dict[str, Any] = {"input": list(sample.messages), "ideal": list(sample.ideal)}
        yield example_of(value, number, "sample")


# --- judging -------------------------------------------------------------------------


def _held(rule: Lint, question: Question, reading: Reading) -> tuple[LintCheck, Finding | None]:
    """One lint held against the data."""
    if rule.measure is not None:
        measured = rule.measure(question)
    else:
        measured = _looked(rule, reading.looks[rule.rule], question.n)
    about = (rule.method, rule.limits.text(), rule.repair)
    if isinstance(measured, Skipped):
        return LintCheck(rule.rule, "skipped", measured.reason, *about), None
    severity = _severity(rule, measured)
    if severity is None:
        return LintCheck(rule.rule, "passed", measured.said, *about), None
    check = LintCheck(rule.rule, "found", measured.said, *about, severity)
    return check, _finding(rule, measured, severity)


def _looked(rule: Lint, seen: Seen, n: int) -> Measured:
    value = len(seen.lines) / n if n else 0.0
    said = f"{so_many(len(seen.lines), n, 'example')} {rule.says}"
    return Measured(value, said, seen.lines, hits(seen.examples))


def _severity(rule: Lint, measured: Measured) -> Severity | None:
    """What a measurement amounts to, capped by how thin its evidence is."""
    reached = rule.limits.severity(measured.value)
    if reached is None or measured.most is None:
        return None
    return min(reached, measured.most, key=SEVERITIES.index)


def _finding(rule: Lint, measured: Measured, severity: Severity) -> Finding:
    evidence = {
        "value": measured.value,
        "threshold": rule.limits.text(),
        "count": len(measured.lines),
        "lines": list(measured.lines),
        "examples": [_shown(hit) for hit in measured.examples],
        "method": rule.method,
        "repair": rule.repair,
        **measured.evidence,
    }
    return Finding(rule.rule, severity, measured.said, evidence)


def _shown(hit: Hit) -> dict[str, Any]:
    return {"line": hit.line, "text": hit.text}
