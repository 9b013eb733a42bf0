"""How to ask models, from Python: what the options of the commands say, as fields."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from harness.analysis.cost import PriceTable
from harness.errors import UnknownName, UsageError
from harness.models.providers import Access, ModelName
from harness.pipeline.orders.caching import Caching
from harness.records import Policy, Route, Study
from harness.registry import Registry, load_registry
from harness.registry.prices import load_prices
from harness.running.retries import Limits

KEY_NAME = "OPENAI_API_KEY"
MOST_CONCURRENCY = 1000
"""In flight at most where the number is found by itself."""

OWN_REGISTRY = "is it in a registry of yours? Add settings=harness.Settings(registry=FOLDER)"
Place = str | Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to reach models, how hard to ask them, and what to know of the world around.

    The same settings may serve any number of calls; nothing is kept between these.

    Attributes:
        api_key: of the server; None: the environment's OPENAI_API_KEY. Never shown or written.
        organization: sent as OpenAI-Organization.
        headers: sent with every request; never shown or written.
        concurrency: requests in flight; "auto" finds as many as help.
        rpm, tpm: requests and tokens a minute at most.
        max_cost: US dollars after which nothing more is sent.
        max_attempts: tries of a request that fails.
        timeout_s: seconds for one request.
        deadline_s: seconds for one sample, all tries together.
        cache: the folder of answers that are kept across runs; None: the user's own, where
            those of public servers are kept; False: none.
        registry: a further registry folder, or several.
        data: a further folder that registries may read, or several.
        prices: a YAML file of what models cost; it counts before the user's own.
        judge: the model that marks judged evals.
        judge_base_url, judge_api_key: its server and key, if others.
        policy: a Policy, its name, or a file of one; runs end with what it says.
        allow_code: modules whose classes a registry may run, or "python".
        progress: whether to show progress; None: in notebooks and terminals only.
    """

    api_key: str | None = field(default=None, repr=False)
    organization: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    concurrency: int | Literal["auto"] = "auto"
    rpm: float | None = None
    tpm: float | None = None
    max_cost: float | None = None
    max_attempts: int = 5
    timeout_s: float = 60.0
    deadline_s: float = 600.0
    cache: Place | Literal[False] | None = None
    registry: Place | Sequence[Place] = ()
    data: Place | Sequence[Place] = ()
    prices: Place | None = None
    judge: str | None = None
    judge_base_url: str | None = None
    judge_api_key: str | None = field(default=None, repr=False)
    policy: Policy | Place | None = None
    allow_code: Sequence[str] = ()
    progress: bool | None = None

    def known(self) -> Registry:
        """The registry to look names up in."""
        folders, data = _folders(self.registry), _folders(self.data)
        return load_registry(folders, Path.home(), data, [*self.allow_code])

    @contextmanager
    def naming_the_registry(self) -> Iterator[None]:
        """Say of an unknown name how a registry of one's own is given, where none was."""
        try:
            yield
        except UnknownName as error:
            if self.registry:
                raise
            raise UnknownName(f"{error}; {OWN_REGISTRY}") from error

    def tables(self) -> tuple[PriceTable, ...]:
        """What models cost."""
        file = Path(self.prices) if self.prices is not None else None
        return tuple(load_prices(Path.home(), file))

    def access(self, base_url: str | None = None) -> Access:
        """How to reach the models' server."""
        return self._access(base_url, self.api_key)

    def judge_access(self, base_url: str | None = None) -> Access:
        """How to reach the judge."""
        return self._access(self.judge_base_url or base_url, self.judge_api_key or self.api_key)

    def _access(self, base_url: str | None, key: str | None) -> Access:
        """The environment is read here and nowhere else in this room."""
        return Access(
            base_url=base_url,
            default_url=os.environ.get("OPENAI_BASE_URL") or None,
            api_key=key or os.environ.get(KEY_NAME, "").strip() or None,
            organization=self.organization,
            headers=dict(self.headers),
            timeout_s=min(self.timeout_s, self.deadline_s),
        )

    def limits(self) -> Limits:
        """How much and how long to ask.

        Raises:
            UsageError: a concurrency that is none.
        """
        adaptive = self.concurrency == "auto"
        most = MOST_CONCURRENCY if self.concurrency == "auto" else self.concurrency
        if not isinstance(most, int) or most < 1:
            raise UsageError(f"concurrency={most!r}: give a number of 1 or more, or 'auto'")
        return Limits(
            concurrency=most,
            adaptive=adaptive,
            rpm=self.rpm,
            tpm=self.tpm,
            max_attempts=self.max_attempts,
            deadline_s=self.deadline_s,
        )

    def caching(self) -> Caching:
        """Where answers are kept, and which."""
        if self.cache is False:
            return Caching()
        if self.cache is not None:
            return Caching(Path(self.cache).expanduser(), everywhere=True)
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return Caching(home / "harness" / "completions")

    def completed(self, study: Study, known: Registry) -> Study:
        """The study with the judge and the policy that are named here."""
        if self.judge is not None:
            judge = ModelName.parse(self.judge)
            route = Route(self.judge, judge.name, judge.kind, self.judge_base_url)
            study = replace(study, judge=route)
        policy = self.named_policy(self.policy, known)
        return study if policy is None else replace(study, policy=policy)

    @staticmethod
    def named_policy(policy: Policy | Place | None, known: Registry) -> Policy | None:
        """A policy as it is, or by its name or file."""
        if policy is None or isinstance(policy, Policy):
            return policy
        return known.policy(policy)


def _folders(given: Place | Sequence[Place]) -> list[Path]:
    return [Path(given)] if isinstance(given, str | Path) else [*map(Path, given)]
