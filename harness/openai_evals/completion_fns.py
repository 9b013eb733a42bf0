"""What a completion function of OpenAI evals means here: a model on a server, or foreign code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from harness.errors import RegistryError, UsageError, did_you_mean
from harness.models.providers import DUMMY, KINDS, SOLVER, is_extension
from harness.records import Endpoint, Route
from harness.registry import Registry

CHAT = "OpenAIChatCompletionFn"
LEGACY = "OpenAICompletionFn"
KNOWN: Mapping[str, Endpoint] = {
    f"evals:{CHAT}": "chat",
    f"evals:{LEGACY}": "completions",
    f"evals.completion_fns.openai:{CHAT}": "chat",
    f"evals.completion_fns.openai:{LEGACY}": "completions",
}
"""The classes that are nothing but a model on a server, and the endpoint that each asks."""

LEGACY_MODELS = re.compile(
    r"(gpt-3\.5-turbo-instruct.*|gpt-4-base|(text-)?(ada|babbage|curie|davinci)(-\d+)?"
    r"|code-davinci-\d+)"
)
"""Models that only ever had the completions endpoint; every other name is asked as a chat."""

IGNORED = ("n_ctx", "registry", "registry_path")
OPTIONS = ("model", "api_base", "api_key", "extra_options", *IGNORED)


def route_of(name: str, registry: Registry, args: Mapping[str, Any]) -> Route | None:
    """Where a completion function's requests go; None for one that is code of somebody.

    ``args`` are the user's own, over those of the registry.

    Raises:
        UsageError: an argument that no model on a server has, or a key among them.
        RegistryError: an entry that cannot be used.
    """
    if name in registry.entries("completion_fns"):
        return _registered(name, registry, args)
    if name in registry.entries("solvers"):
        return _code(name, registry)
    kind, colon, rest = name.partition(":")
    if name == DUMMY or (colon and kind != "openai" and (kind in KINDS or is_extension(kind))):
        return Route(name, rest or name, provider=kind)
    endpoint: Endpoint = "completions" if LEGACY_MODELS.fullmatch(name) else "chat"
    return _route(name, {"model": name, **args}, endpoint, "--completion_args")


def _code(name: str, registry: Registry) -> Route | None:
    """Code that an eval which runs itself asks through, where code was allowed at all."""
    return Route(name, name, provider=SOLVER) if registry.allowed else None


def _registered(name: str, registry: Registry, args: Mapping[str, Any]) -> Route | None:
    entry = registry.resolve(name, "completion_fns")
    raw = entry.raw if isinstance(entry.raw, dict) else {}
    endpoint = KNOWN.get(str(raw.get("class")))
    if endpoint is None:
        return _code(name, registry)
    own = raw.get("args") or {}
    if not isinstance(own, dict):
        raise RegistryError(f"{entry.place}: args: expected a mapping, found {own!r}")
    return _route(name, {"model": name, **own, **args}, endpoint, entry.place)


def _route(name: str, args: Mapping[str, Any], endpoint: Endpoint, place: str) -> Route:
    for key in args:
        if key not in OPTIONS:
            raise UsageError(
                f"{place}: a model has no argument '{key}'{did_you_mean(key, OPTIONS)}"
            )
    if args.get("api_key"):
        raise UsageError(f"{place}: api_key: keys are read from the environment; leave it out")
    extra = args.get("extra_options") or {}
    if not isinstance(extra, dict):
        raise UsageError(f"{place}: extra_options: expected a mapping, found {extra!r}")
    base_url = args.get("api_base")
    return Route(
        name=name,
        model=str(args["model"]),
        base_url=None if base_url is None else str(base_url),
        endpoint=endpoint,
        extra=extra,
    )


def panel_of(names: str, registry: Registry, args: Mapping[str, Any]) -> tuple[list[Route], Route]:
    """The models to ask and the one that judges: of several the last, of one itself.

    Raises:
        UsageError: no name, or a completion function that is somebody's code.
    """
    listed = [name.strip() for name in names.split(",") if name.strip()]
    if not listed:
        raise UsageError("no model is named; give one, such as gpt-4o-mini or dummy")
    routes = []
    for name in listed:
        route = route_of(name, registry, args)
        if route is None:
            raise UsageError(
                f"'{name}' is a completion function in Python; allow its code (--allow-code)"
            )
        routes.append(route)
    return routes[:-1] or routes, routes[-1]


# --- arguments on the command line ---------------------------------------------------

NEXT_PAIR = re.compile(r",(?=\s*[A-Za-z_][\w.-]*\s*=)")


def pairs(text: str, option: str) -> dict[str, Any]:
    """``key=value,key=value`` as a mapping; values may hold ``=`` and commas, or be JSON.

    Raises:
        UsageError: a part without ``=``.
    """
    found: dict[str, Any] = {}
    for part in filter(str.strip, NEXT_PAIR.split(text)):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} '{part}': write it as key=value,key=value")
        found[key.strip()] = _value(value)
    return found


def _value(text: str) -> Any:
    """A number, or JSON where it is an object, a list or a truth value; else the text."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    if text[:1] in ("{", "[") or text in ("true", "false", "null"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return {"True": True, "False": False}.get(text, text)
