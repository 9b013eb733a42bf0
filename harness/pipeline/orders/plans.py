"""From an order to the plan that its run folder keeps: whole paths, hashes, nothing secret."""

from __future__ import annotations

from dataclasses import replace

from harness.models.secrecy import without_secret_fields, without_secrets
from harness.openai_evals.bridge_files import GRADER
from harness.pipeline.folder.manifest import Plan, portable
from harness.pipeline.orders.order import Order
from harness.records import Embeddings, EvalSpec, Route, Study


def plan_of(order: Order, specs: dict[str, EvalSpec]) -> Plan:
    """Everything that decides the run's numbers."""
    from harness.datasets import file_hash

    paths = {spec.samples for spec in specs.values() if spec.grader != GRADER}
    paths |= {spec.few_shot for spec in specs.values() if spec.few_shot}
    paths |= {path for spec in specs.values() for path in spec.files}
    paths |= {e.training_data for e in order.study.experiments if e.training_data}
    return Plan(
        study=_placed_study(order.study),
        evals=tuple(map(_placed_spec, specs.values())),
        endpoint=order.endpoint,
        max_samples=order.max_samples,
        looks=order.looks,
        files={portable(path): file_hash(path) for path in sorted(paths)},
        after=order.after,
    )


def _placed_spec(spec: EvalSpec) -> EvalSpec:
    """The spec with whole paths, so that its run folder can be read from anywhere."""
    if spec.grader == GRADER:
        return replace(spec, source=None)
    few_shot = spec.few_shot.resolve() if spec.few_shot else None
    files = tuple(path.resolve() for path in spec.files)
    samples = spec.samples.resolve()
    return replace(spec, samples=samples, few_shot=few_shot, files=files, source=None)


def _placed_study(study: Study) -> Study:
    experiments = (
        replace(e, training_data=e.training_data.resolve()) if e.training_data else e
        for e in study.experiments
    )
    return replace(
        study,
        experiments=tuple(experiments),
        source=None,
        base_url=_shown_address(study.base_url),
        judge=_shown_route(study.judge) if study.judge else None,
        routes=tuple(map(_shown_route, study.routes)),
        embeddings=_shown_embeddings(study.embeddings) if study.embeddings else None,
    )


def _shown_route(route: Route) -> Route:
    """A route as it may be written down: an address or an option can carry a key."""
    extra = without_secret_fields(route.extra)
    return replace(route, base_url=_shown_address(route.base_url), extra=extra)


def _shown_embeddings(named: Embeddings) -> Embeddings:
    return replace(named, base_url=_shown_address(named.base_url))


def _shown_address(base_url: str | None) -> str | None:
    return base_url and without_secrets(base_url)
