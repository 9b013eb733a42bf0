"""Evals that run themselves: their place in a study, before, while and after it asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.graders import Judge
from harness.models.base import Provider
from harness.models.providers import SOLVER
from harness.openai_evals.bridge_files import GRADER, final_reports, samples_path
from harness.openai_evals.terms import Terms
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.questions.logs import log_names
from harness.records import Estimate, EvalSpec, Study
from harness.registry import Registry
from harness.running.journal import Journal
from harness.running.runner import Observer, Tally

if TYPE_CHECKING:
    from harness.openai_evals.bridge import BridgedEval


@dataclass(frozen=True, slots=True)
class Bridge:
    """The evals of a study that run themselves, by name, and the terms that they share."""

    evals: Mapping[str, BridgedEval]
    terms: Terms

    @classmethod
    def of(cls, specs: Iterable[EvalSpec], registry: Registry, terms: Terms) -> Bridge:
        """Import their classes, so that what they lack is said before the first call.

        Raises:
            RegistryError: a class that is not there, not whole or not allowed.
        """
        names = [spec.name for spec in specs if spec.grader == GRADER]
        if not names:
            return cls({}, terms)
        from harness.openai_evals.bridge import bridged, check_bridged

        evals = {name: bridged(registry, name, registry.allowed) for name in names}
        for entry in evals.values():
            check_bridged(entry)
        return cls(evals, terms)

    async def run(
        self,
        asked: Sequence[tuple[str, str]],
        provider: Provider,
        judge: Judge | None,
        journal: Journal,
        observer: Observer | None,
        tally: Tally,
    ) -> None:
        """Run every (eval, model), one after the other; the tally goes on."""
        if not asked:
            return
        from harness.openai_evals.bridge import run_bridged

        logs = journal.path.parent / "logs"
        for (name, model), log in zip(asked, log_names(asked), strict=True):
            terms = replace(self.terms, judge=judge, observer=observer, tally=tally, log=logs / log)
            await run_bridged(self.evals[name], model, provider, journal, terms)


def refuse_solvers(study: Study, specs: Iterable[EvalSpec]) -> None:
    """A solver is code that only an eval which runs itself can ask through.

    Raises:
        UsageError: an eval that runs natively is to be answered by one.
    """
    solvers = [route.name for route in study.routes if route.provider == SOLVER]
    native = next((spec.name for spec in specs if spec.grader != GRADER), None)
    if solvers and native is not None:
        raise UsageError(
            f"{native} runs natively and asks a model; '{solvers[0]}' is code, which only evals"
            " of the bridge can ask through: name the model itself"
        )


def in_folder(spec: EvalSpec, folder: Path) -> EvalSpec:
    """The spec with its samples where its run writes them; every other spec as it is."""
    if spec.grader != GRADER:
        return spec
    return replace(spec, samples=samples_path(folder, spec.name))


# --- what they say of themselves -----------------------------------------------------

OWN = "own report: "
"""Opens the names of metrics that are an eval's own final report."""

USAGE = "usage_"


def own_reports(folder: RunFolder, spec: EvalSpec) -> dict[str, dict[str, float]]:
    """The final reports of an eval that runs itself, by model; of others there are none."""
    if spec.grader != GRADER:
        return {}
    found = final_reports(folder.journal, spec.name)
    return {model: report.numbers for model, report in found.items()}


def own_metrics(report: Mapping[str, float], samples: int) -> dict[str, Estimate]:
    """The numbers of a final report: how sure they are, only their eval could say."""
    return {
        OWN + name: Estimate(value, value, value, samples, "the eval's own report, no interval")
        for name, value in report.items()
        if not name.startswith(USAGE)
    }
