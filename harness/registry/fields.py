"""Reading a YAML mapping field by field, so that every wrong value is named with its place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from harness.errors import RegistryError, did_you_mean


class Fields:
    """A mapping whose fields are taken one by one; what is left at the end is unknown.

    ``place`` opens every message: ``file.yaml:3: study 'x': tune``.
    """

    def __init__(self, value: Any, place: str) -> None:
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise RegistryError(f"{place}: expected a mapping of names to values, found {value!r}")
        self.place = place
        self._left: dict[Any, Any] = dict(value)
        self._taken: list[str] = []

    def __contains__(self, key: str) -> bool:
        return self._left.get(key) is not None

    def wrong(self, key: str, expected: str, found: Any) -> RegistryError:
        """The error for a value that is not what it should be."""
        return RegistryError(f"{self.place}: {key}: expected {expected}, found {_shown(found)}")

    def take(self, key: str) -> Any:
        """The value as it stands; None when the field is absent."""
        self._taken.append(key)
        return self._left.pop(key, None)

    def text(self, key: str) -> str | None:
        """A text that is not blank."""
        value = self.take(key)
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise self.wrong(key, "text", value)
        return value

    def required_text(self, key: str) -> str:
        """A text that has to be there."""
        value = self.text(key)
        if value is None:
            raise RegistryError(f"{self.place}: '{key}' is missing; add it")
        return value

    def choice(self, key: str, choices: Iterable[str], default: str) -> str:
        """One of a few words."""
        value = self.text(key)
        known = tuple(choices)
        if value is not None and value not in known:
            raise self.wrong(key, f"one of {', '.join(known)}", value)
        return default if value is None else value

    def integer(self, key: str, least: int, most: int | None = None) -> int | None:
        """A whole number, at least ``least`` and at most ``most``."""
        value = self.take(key)
        if value is None:
            return None
        number = self._integer(key, value, least)
        if most is not None and number > most:
            raise self.wrong(key, f"a whole number of at most {most}", value)
        return number

    def number(self, key: str, low: float = 0.0, high: float = math.inf) -> float | None:
        """A finite number in [low, high]."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(key, "a number", value)
        if not (low <= value <= high and math.isfinite(value)):
            bounds = f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
            raise self.wrong(key, f"a number {bounds}", value)
        return float(value)

    def integers(self, key: str, least: int) -> tuple[int, ...] | None:
        """One whole number or a list of different ones."""
        value = self.take(key)
        if value is None:
            return None
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self.wrong(key, "at least one whole number", value)
        numbers = tuple(self._integer(key, v, least) for v in values)
        if len(set(numbers)) < len(numbers):
            raise self.wrong(key, "different numbers", value)
        return numbers

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or a list of texts; () when the field is absent."""
        value = self.take(key)
        if value is None:
            return ()
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(v, str) and v for v in values):
            raise self.wrong(key, "a text or a list of texts", value)
        return tuple(values)

    def truth(self, key: str) -> bool:
        """True or false; false when the field is absent."""
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, "true or false", value)
        return bool(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """A mapping of names to anything; {} when the field is absent."""
        value = self.take(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.wrong(key, "a mapping of names to values", value)
        return {str(name): one for name, one in value.items()}

    def peek(self, key: str) -> Any:
        """The value as it stands, left in place."""
        return self._left.get(key)

    def inside(self, key: str) -> Fields:
        """The fields of a nested mapping."""
        return Fields(self.take(key), f"{self.place}: {key}")

    def rest(self) -> dict[str, Any]:
        """What nobody has taken."""
        return {str(key): value for key, value in self._left.items()}

    def refuse_rest(self) -> None:
        """Nothing may be left: a leftover is a mistyped or misplaced name."""
        for key in self._left:
            near = did_you_mean(str(key), self._taken)
            raise RegistryError(f"{self.place}: unknown key '{key}'{near}")

    def _integer(self, key: str, value: Any, least: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(key, "a whole number", value)
        if value < least:
            raise self.wrong(key, f"a whole number of at least {least}", value)
        return value


def _shown(value: Any, limit: int = 80) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
