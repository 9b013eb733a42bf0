"""A registry's values as the fields of a grader: their names and their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, cast, get_args, get_type_hints

from harness.errors import RegistryError, did_you_mean
from harness.graders.base import Grader


def field_names(kind: type[Grader]) -> list[str]:
    """The names of a grader's fields."""
    return [field.name for field in fields(cast("Any", kind))]


def checked_options(
    kind: type[Grader],
    args: Mapping[str, Any],
    place: str,
    *,
    known: Iterable[str],
) -> dict[str, Any]:
    """The options as the grader's fields take them; lists become tuples.

    Raises:
        RegistryError: an option that is not ``known``, or a value that it does not take.
    """
    hints = get_type_hints(kind)
    names = tuple(known)
    for name in args:
        if name not in names:
            near = did_you_mean(name, names) or "; it has none"
            raise RegistryError(f"{place} has no option '{name}'{near}")
    return {name: _option(value, hints[name], f"{place}: {name}") for name, value in args.items()}


def _option(value: Any, hint: Any, place: str) -> Any:
    """A YAML value as the option's type; lists become tuples."""
    if hint == tuple[str, ...]:
        texts = [value] if isinstance(value, str) else value
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return tuple(texts)
        raise RegistryError(f"{place}: expected a text or a list of texts, found {value!r}")
    accepted = get_args(hint) or (hint,)
    if type(value) in accepted:
        return value
    names = " or ".join(NAMES[one] for one in accepted)
    raise RegistryError(f"{place}: expected {names}, found {value!r}")


NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "text",
    type(None): "nothing",
}
