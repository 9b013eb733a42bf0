"""Which provider answers: by the name in a study, or by a prefix of the model's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from harness import extensions
from harness.errors import ExtensionError, UsageError, did_you_mean
from harness.models.base import BatchService, Provider
from harness.records import Route

OPENAI_URL = "https://api.openai.com/v1"
DUMMY = "dummy"
KINDS = ("openai", "embedded", "recorded", DUMMY)


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a server. The key is never shown or written.

    ``base_url`` was asked for and overrules what a study says; ``default_url`` (of the
    environment) serves models that need a server and name none.
    """

    base_url: str | None = None
    default_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    organization: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model as people write it: ``embedded:tiny-base``, ``recorded:answers.jsonl``, ``gpt-x``."""

    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Split a known prefix off; every other name belongs to a server."""
        if text == DUMMY:
            return cls(DUMMY, DUMMY)
        prefix, colon, rest = text.partition(":")
        if colon and (prefix in KINDS or is_extension(prefix)):
            if not rest:
                raise UsageError(f"'{text}': the model's name is missing after '{prefix}:'")
            return cls(prefix, rest)
        return cls("openai", text)


def open_provider(model: ModelName, access: Access) -> Provider:
    """The provider that answers for a model; enter it before use.

    Raises:
        UsageError: no such kind, or no way to reach a server.
    """
    if model.kind == "embedded":
        return _embedded()
    if model.kind == "recorded":
        return _recorded(Path(model.name))
    if model.kind == DUMMY:
        return _dummy()
    if model.kind == "openai":
        return openai_provider(access, model.name)
    if is_extension(model.kind):
        return _extension(model.kind, access)
    raise UsageError(f"no provider '{model.kind}'{did_you_mean(model.kind, KINDS)}")


def is_extension(kind: str) -> bool:
    """Does an installed package answer for models of this prefix?"""
    return kind not in KINDS and kind in extensions.names(extensions.PROVIDERS)


def _extension(kind: str, access: Access) -> Provider:
    """Another package's provider."""
    provider = extensions.load(extensions.PROVIDERS, kind)(access)
    if not hasattr(provider, "complete") or not hasattr(provider, "__aenter__"):
        where = extensions.origin(extensions.PROVIDERS, kind)
        raise ExtensionError(
            f"{where} returned no provider: {extensions.GROUPS[extensions.PROVIDERS]}"
        )
    return cast("Provider", provider)


def openai_provider(access: Access, model: str) -> Provider:
    """A server's provider; OpenAI's own server needs a key."""
    from harness.models.openai import OpenAIProvider

    return OpenAIProvider(
        base_url=_address(access, model),
        api_key=access.api_key,
        organization=access.organization,
        headers=access.headers,
        timeout_s=access.timeout_s,
    )


def openai_batches(access: Access, model: str) -> BatchService:
    """A server's batches; OpenAI's own server needs a key."""
    from harness.models.batch import OpenAIBatches

    return OpenAIBatches(
        base_url=_address(access, model),
        api_key=access.api_key,
        organization=access.organization,
        headers=access.headers,
        timeout_s=access.timeout_s,
    )


def _address(access: Access, model: str) -> str:
    address = access.base_url or access.default_url
    if address is None and access.api_key is None:
        raise UsageError(
            f"no key and no server for '{model}': set OPENAI_API_KEY, or give --base-url, "
            "or use the embedded model as embedded:tiny-base"
        )
    return address or OPENAI_URL


def _embedded() -> Provider:
    from harness.embedded.workshop import Workshop
    from harness.models.embedded import EmbeddedProvider

    return EmbeddedProvider(Workshop())


SOLVER = "solver"
"""The provider of a route that is code: the models that it asks are those of the server."""


def routing_provider(routes: Sequence[Route], access: Access) -> Provider:
    """One provider for models that are served in several places.

    Raises:
        UsageError: no way to reach one of them.
    """
    from harness.models.routing import RoutingProvider, Way

    ways: dict[str, Way] = {}
    opened: dict[tuple[str, str, str | None], Provider] = {}
    for route in routes:
        if route.provider == SOLVER:
            asked = ("openai", "", None)
            opened[asked] = opened.get(asked) or openai_provider(access, route.model)
            continue
        named = ModelName(route.provider, route.model)
        place = (named.kind, "" if named.kind == "openai" else named.name, route.base_url)
        if place not in opened:
            reached = replace(access, base_url=route.base_url or access.base_url)
            opened[place] = open_provider(named, reached)
        ways[route.name] = Way(opened[place], route.model, route.endpoint, route.extra)
    others = (provider for (kind, *_), provider in opened.items() if kind == "openai")
    return RoutingProvider(ways, next(others, None))


def _dummy() -> Provider:
    from harness.models.dummy import DummyProvider

    return DummyProvider()


def _recorded(path: Path) -> Provider:
    from harness.models.recorded import RecordedProvider

    return RecordedProvider(path)
