"""Which answers of a study are kept across runs: those of servers where asking again costs.

Models of this process, of files, and of servers on this machine or its network are asked anew:
what stands behind a name there may have changed, and nobody is paid.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.models.base import Provider
from harness.models.function import FUNCTION
from harness.models.providers import DUMMY, OPENAI_URL, SOLVER, Access
from harness.records import Finding, Request, Route, Study
from harness.running.caching import CachingProvider, Place, Scope, key_in

if TYPE_CHECKING:
    from harness.running.cache import Cache

FILES = ("recorded", DUMMY, FUNCTION)
"""Providers that ask nobody, whatever address is given."""

LOCAL_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Caching:
    """What is wanted: where answers are kept (None: nowhere) and which of them.

    ``everywhere``: those of servers on this machine and network, too. ``sampled``: those drawn
    with a temperature and without a seed, too.
    """

    folder: Path | None = None
    everywhere: bool = False
    sampled: bool = False
    largest_bytes: int | None = None


@dataclass(eq=False)
class Kept:
    """The cache of one run, and everyone who asks through it."""

    cache: Cache
    scope: Scope
    judge_scope: Scope
    sampled: bool
    providers: list[CachingProvider] = field(default_factory=list)

    def models(self, provider: Provider) -> Provider:
        """The models' provider behind the cache."""
        return self._behind(provider, self.scope)

    def judge(self, provider: Provider) -> Provider:
        """The judge's provider behind the cache."""
        return self._behind(provider, self.judge_scope)

    def _behind(self, provider: Provider, scope: Scope) -> Provider:
        made = CachingProvider(provider, self.cache, scope, self.sampled)
        self.providers.append(made)
        return made

    def holds(self, request: Request) -> bool:
        """Whether the cache answers this request to the models."""
        key = key_in(self.scope, request, self.sampled)
        return key is not None and self.cache.holds(key)

    @property
    def hits(self) -> int:
        """Requests that the cache answered."""
        return sum(provider.hits for provider in self.providers)

    def findings(self) -> Iterable[Finding]:
        """What went wrong with the cache; the run went on without it."""
        return (Finding("cache", "warn", note) for note in self.cache.notes)


def kept_for(
    study: Study, access: Access, judge_access: Access | None, caching: Caching
) -> Kept | None:
    """The cache for a study, not yet open; None where nothing of it is to be kept."""
    if caching.folder is None:
        return None
    scope = model_scope(study, access, everywhere=caching.everywhere)
    judges = judge_scope(study, judge_access or access, everywhere=caching.everywhere)
    if not (_keeps(scope) or _keeps(judges)):
        return None
    from harness.running.cache import LARGEST_BYTES, Cache

    cache = Cache(caching.folder, caching.largest_bytes or LARGEST_BYTES)
    return Kept(cache, scope, judges, caching.sampled)


def _keeps(scope: Scope) -> bool:
    return scope.others is not None or any(scope.models.values())


# --- where models are asked ----------------------------------------------------------


def model_scope(study: Study, access: Access, *, everywhere: bool) -> Scope:
    """Where each model of a study is asked, as ``services_for`` connects it."""
    if study.routes:
        return _routed(study.routes, access, everywhere=everywhere)
    is_embedded = study.provider == "embedded" and access.base_url is None
    if is_embedded or study.provider in FILES:
        return Scope()
    return Scope(_place(access.base_url or study.base_url, access, {}, everywhere=everywhere))


def judge_scope(study: Study, access: Access, *, everywhere: bool) -> Scope:
    """Where the judge is asked, if there is one."""
    if study.judge is None:
        return Scope()
    url = access.base_url or study.base_url
    return _routed([study.judge], access, default_url=url, everywhere=everywhere)


def _routed(
    routes: Iterable[Route], access: Access, *, everywhere: bool, default_url: str | None = None
) -> Scope:
    places: dict[str, Place | None] = {}
    others = None
    for route in routes:
        if route.provider not in ("openai", SOLVER):
            places[route.name] = None
            continue
        url = route.base_url or access.base_url or default_url
        there = _detour(route)
        places[route.name] = _place(url, access, there, everywhere=everywhere)
        others = others or _place(url, access, {}, everywhere=everywhere)
    return Scope(others, places)


def _detour(route: Route) -> dict[str, Any]:
    """What a route changes about a request; nothing where it only names the server."""
    if (route.name, route.endpoint, route.extra) == (route.model, "chat", {}):
        return {}
    return {"model": route.model, "endpoint": route.endpoint, "extra": dict(route.extra)}


def _place(
    base_url: str | None, access: Access, there: Mapping[str, Any], *, everywhere: bool
) -> Place | None:
    """A server, told apart by all that may lead to another model of the same name."""
    address = base_url or access.default_url or OPENAI_URL
    if is_local(address) and not everywhere:
        return None
    parts = (address.rstrip("/"), access.organization, dict(access.headers), there)
    extra = there.get("extra", {})
    return Place(json.dumps(parts, sort_keys=True, default=str), extra)


def is_local(url: str) -> bool:
    """Whether a server is on this machine or its own network."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(LOCAL_NAMES)
