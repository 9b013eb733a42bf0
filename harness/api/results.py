"""What the Python API returns: facts as tables of pandas, a card in notebooks, plain text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.frames import (
    advice_frame,
    check_frame,
    comparison_frame,
    finding_frame,
    frame,
)
from harness.errors import UsageError
from harness.records import Advice, Finding, Gate
from harness.reports import notebook
from harness.reports.document import Document
from harness.reports.lint_document import LintReport

if TYPE_CHECKING:
    import pandas as pd

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3, "unjudged": 4}


@dataclass(frozen=True, eq=False, repr=False)
class Advices:
    """What to do next: one advice for each eval and epoch count.

    Attributes:
        advice: the advices, as records.
    """

    advice: tuple[Advice, ...]

    def frame(self) -> pd.DataFrame:
        """One row an advice.

        The columns: ``eval``, ``model``, ``epochs`` (trained so far), ``recommend`` (the change
        in epochs that the evidence supports, -2 to +2), ``headline``, ``diagnosis``, ``action``,
        ``rule`` (a row of docs/advice.md), ``confidence``, ``checkpoint`` and
        ``checkpoint_epoch`` (to use now), ``next_run_usd``, ``why``, ``would_change``.
        """
        return advice_frame(self.advice)

    def __iter__(self) -> Any:
        return iter(self.advice)

    def __len__(self) -> int:
        return len(self.advice)

    def __repr__(self) -> str:
        from harness.reports import wording

        lines = [
            f"{one.eval}, {wording.after(one.epochs)}: {wording.headline(one)} "
            f"({wording.confidence(one)})"
            for one in self.advice
        ]
        return _plain("\n".join(lines) or "no advice")

    def _repr_html_(self) -> str:
        return notebook.advice_card(self.advice)


@dataclass(frozen=True, eq=False, repr=False)
class GateResult:
    """What a policy says of a model.

    Attributes:
        gate: the decision with all its checks, as records.
    """

    gate: Gate

    @property
    def outcome(self) -> str:
        """``pass``, ``fail``, ``inconclusive`` or ``unjudged`` (evidence is missing)."""
        return self.gate.outcome

    @property
    def passed(self) -> bool:
        """Whether what the policy asks is shown; False also where too little is known."""
        return self.gate.outcome == "pass"

    @property
    def exit_code(self) -> int:
        """What ``harness gate`` would exit with: 0, 1, 3 or 4."""
        return EXIT_CODES[self.gate.outcome]

    def frame(self) -> pd.DataFrame:
        """One row a check.

        The columns: ``outcome``, ``eval``, ``demand``, ``metric``, ``tuned``, ``base``,
        ``asked`` and ``found`` (in words), ``value`` with its interval ``low`` and ``high``
        (tuned minus base where a base is named), ``n``, ``p_value``, ``needed`` (samples still
        missing), ``decisive``.
        """
        return check_frame(self.gate.checks)

    def __repr__(self) -> str:
        from harness.reports import gates

        lines = [gates.headline(self.gate)]
        lines += [
            f"  {gates.OUTCOMES[one.outcome].lower()}: {one.eval}: {gates.found(one)}"
            for one in self.gate.checks
        ]
        return _plain("\n".join(lines))

    def _repr_html_(self) -> str:
        return notebook.gate_card(self.gate)


@dataclass(frozen=True, eq=False, repr=False)
class LintResult:
    """What is wrong with training data.

    Attributes:
        report: everything that was looked at, as records.
    """

    report: LintReport

    @property
    def outcome(self) -> str:
        """``pass``, ``blocked`` or ``unjudged``."""
        return self.report.outcome

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, the worst first."""
        return self.report.findings

    def frame(self) -> pd.DataFrame:
        """One row a finding: ``rule``, ``severity``, ``message``, ``count``, ``lines`` (of the
        file, from 1) and ``repair``."""
        return finding_frame(self.report.findings)

    def __repr__(self) -> str:
        from harness.reports import lint_words

        lines = [lint_words.headline(self.report), *lint_words.about(self.report)]
        lines += [f"{one.severity}: {one.rule}: {one.message}" for one in self.report.findings]
        return _plain("\n".join(lines))

    def _repr_html_(self) -> str:
        return notebook.lint_card(self.report)


@dataclass(frozen=True, eq=False, repr=False)
class Results:
    """What a study, a run or a comparison came to.

    Attributes:
        document: everything that the report says, as records.
        folder: the run folder; None for a comparison of earlier runs, which only reads.
        notices: what there was to notice on the way, by eval.
    """

    document: Document
    folder: Path | None = None
    notices: tuple[tuple[str, Finding], ...] = field(default=())

    # --- tables ----------------------------------------------------------------------

    def samples(
        self, evals: str | Iterable[str] = (), models: str | Iterable[str] = ()
    ) -> pd.DataFrame:
        """One row a sample, model and repeat: prompt, ideal, answer, score, tokens, cost.

        ``evals`` are patterns. Scores are fractions of 1 unless the grader says otherwise,
        NaN where the sample is excluded; ``failure`` says why. docs/export.md has all columns.

        Raises:
            UsageError: no run folder behind it, or an eval or model that is not in it.
            RunFolderError: the folder cannot be read, or its data have changed since.
        """
        from harness.pipeline.exporting.exported import SAMPLES, SampleTable, Selection
        from harness.pipeline.folder.runfolder import RunFolder

        folder = RunFolder(self._folder())
        table = SampleTable.of(folder, Selection(_names(evals), _names(models)))
        return frame(table.rows(), SAMPLES)

    def metrics(self) -> pd.DataFrame:
        """One row an eval, model and metric: ``value`` with its 95 % interval ``low`` and
        ``high``, ``n`` samples behind it, ``method``, ``excluded``; docs/export.md has all."""
        from harness.pipeline.exporting.exported import METRICS, metric_rows

        return frame(metric_rows(self.document), METRICS)

    def comparisons(self) -> pd.DataFrame:
        """One row a tuned model, eval and metric, against the base on the same samples.

        The columns: ``eval``, ``metric``, ``base``, ``tuned``, ``base_score``, ``tuned_score``,
        ``delta`` (tuned minus base) with its interval ``low`` and ``high``, ``p_value``, ``n``,
        ``excluded``, ``fixed`` and ``broken`` (samples), ``diversity`` (of open tasks: a
        verdict), ``detectable`` (the smallest difference that would be found).
        """
        return comparison_frame(
            one for section in self.document.sections for one in section.comparisons
        )

    def findings(self) -> pd.DataFrame:
        """One row a finding about the whole (``eval`` empty) or one eval: ``rule``,
        ``severity``, ``message``."""
        from harness.api.frames import found_frame

        sections = ((s.eval, one) for s in self.document.sections for one in s.findings)
        return found_frame([*(("", one) for one in self.document.findings), *sections])

    # --- conclusions -----------------------------------------------------------------

    @property
    def advice(self) -> Advices:
        """What to do next; empty where no epochs are known."""
        return Advices(tuple(one for s in self.document.sections for one in s.advice))

    @property
    def gate(self) -> GateResult | None:
        """What the policy says, if there was one."""
        return GateResult(self.document.gate) if self.document.gate is not None else None

    # --- reports ---------------------------------------------------------------------

    @property
    def report(self) -> Path | None:
        """The page to look at in a browser."""
        return self.folder / "report.html" if self.folder is not None else None

    def json(self) -> dict[str, Any]:
        """The report as plain data, as report.json holds it."""
        from harness.reports.json import render_json

        found: dict[str, Any] = json.loads(render_json(self.document))
        return found

    def markdown(self) -> str:
        """The report as report.md holds it: fit for a pull request."""
        from harness.reports.markdown import render_markdown

        return render_markdown(self.document)

    def write(self, folder: str | Path) -> Path:
        """Write report.html, report.md and report.json into a folder; return the page.

        Raises:
            RunFolderError: it cannot be written.
        """
        from harness.pipeline import write_reports

        return write_reports(self.document, Path(folder)).html

    def __repr__(self) -> str:
        from harness.api.plain import lines_of

        where = [f"report: {self.report}"] if self.report is not None else []
        return _plain("\n".join([*lines_of(self.document), *where]))

    def _repr_html_(self) -> str:
        notes = [f"{name}: {one.message}" for name, one in self.notices if one.severity != "info"]
        where = [f"report: {self.report}"] if self.report is not None else []
        return notebook.document_card(self.document, (*notes, *where))

    def _folder(self) -> Path:
        if self.folder is None:
            raise UsageError(
                "a comparison of earlier runs has no samples of its own; "
                "read those of a run: harness.load_run(FOLDER).samples()"
            )
        return self.folder


def _names(given: str | Iterable[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else tuple(given)


def _plain(text: str) -> str:
    """Text without control characters: it quotes models and files of strangers."""
    return "".join(c for c in text if c.isprintable() or c == "\n")
