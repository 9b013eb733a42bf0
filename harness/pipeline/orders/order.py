"""What a command asks for: a study, and how and where to run it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.cost import PriceTable
from harness.errors import UsageError
from harness.models.base import Provider
from harness.models.providers import Access, ModelName, is_extension
from harness.pipeline.orders.caching import Caching
from harness.records import DEFAULT_SEED, Endpoint, Experiment, Round, Route, Study
from harness.running.loop import Stop
from harness.running.retries import Limits

if TYPE_CHECKING:
    from harness.running.distributed import Cluster


@dataclass(frozen=True, slots=True)
class Order:
    """What to run and where to write it."""

    study: Study
    out: Path
    command: str
    resume: bool = False
    overwrite: bool = False
    retry_failed: bool = False
    repeats: int | None = None
    max_samples: int | None = None
    endpoint: Endpoint = "chat"
    limits: Limits = field(default_factory=Limits)
    seed: int = DEFAULT_SEED
    created_by: str = ""
    allow_code: tuple[str, ...] = ()
    """Modules whose classes a registry may run, and ``python`` for graders that are code."""
    batch: bool = False
    """Send files of requests, and wait for the answers, instead of asking one by one."""
    judge_access: Access | None = None
    """How to reach the judge, where it is not reached as the models are."""
    max_cost: float | None = None
    """US dollars after which nothing more is sent."""
    caching: Caching = field(default_factory=Caching)
    prices: tuple[PriceTable, ...] | None = None
    """What models cost, the table that counts first; None: our own."""
    looks: int | None = None
    """How often to look whether the policy's gate is decided, and stop (0: at any time)."""
    embeddings_access: Access | None = None
    """How to reach the embedding model, where it is not reached as the models are."""
    after: tuple[Round, ...] = ()
    """The rounds of tuning that came before: advice does not reverse the last one."""
    adopted: tuple[Path, ...] = ()
    """Journals of earlier rounds, whose answers count here too: nobody is asked again."""
    keeps_models: bool = False
    """Keep in the run folder what the embedded model was tuned to, for a run that is resumed."""
    cluster: Cluster | None = None
    """Workers that ask, instead of this process alone."""
    replicas: tuple[str, ...] = ()
    """Servers with the same models, which the workers share out among them."""
    dry_run: bool = False
    """Only say what it would take; see ``pipeline.preview``."""
    provider: Provider | None = None
    """Who answers, where that is the caller's own code instead of what the study names."""
    stop: Stop | None = None
    """How another thread ends the run."""


# --- studies made by commands --------------------------------------------------------


def single_run(model: ModelName, evals: Iterable[str], base_url: str | None) -> Study:
    """One model, no tuned ones: what ``harness run`` does.

    Raises:
        UsageError: a server is named for a model that needs none.
    """
    return _ad_hoc("run", model, (), evals, base_url)


def comparison_study(
    base: ModelName, tuned: Sequence[ModelName], evals: Iterable[str], base_url: str | None
) -> Study:
    """A base model and others of unknown epochs: what ``harness compare`` does.

    Raises:
        UsageError: the models belong to different providers, or need no server.
    """
    if any(model.kind != base.kind for model in tuned):
        raise UsageError("all models of a comparison must be served by the same provider")
    return _ad_hoc("compare", base, tuple(model.name for model in tuned), evals, base_url)


def panel_study(
    routes: Sequence[Route], judge: Route | None, evals: Iterable[str], base_url: str | None
) -> Study:
    """Models by their routes, judged by another: what ``harness oaieval`` does.

    Several models are compared with each other by the judge.
    """
    name = ",".join(route.name for route in routes)
    study = _ad_hoc("run", ModelName("openai", name), (), evals, base_url)
    return replace(study, routes=tuple(routes), judge=judge)


def _ad_hoc(
    name: str,
    base: ModelName,
    others: tuple[str, ...],
    evals: Iterable[str],
    base_url: str | None,
) -> Study:
    if base_url is not None and base.kind != "openai" and not is_extension(base.kind):
        raise UsageError(f"'{base.kind}:{base.name}' needs no server; leave out --base-url")
    experiment = Experiment(name=name, evals=tuple(evals), others=others)
    return Study(
        name=name,
        base=base.name,
        experiments=(experiment,),
        provider=base.kind,
        base_url=base.name if base.kind == "recorded" else base_url,
    )
