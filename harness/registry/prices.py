"""From price files to tables: YAML with a model's name or pattern and its prices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os.path import isfile  # unlike Path's, it says False where we may not look
from pathlib import Path

from harness.errors import RegistryError
from harness.records import Price
from harness.registry.documents import Item, read_items
from harness.registry.fields import Fields
from harness.registry.places import own_folder

FILE = "prices.yaml"
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-\d\d)?")
"""When a price was seen; the day may be said, too."""


def load_prices(
    home: Path | None = None, file: Path | None = None
) -> tuple[Mapping[str, Price], ...]:
    """The tables of prices, the one that counts first: ``file``, ``~/.evals``, our own.

    Raises:
        RegistryError: a named file that is not there, or a price that cannot be read.
    """
    if file is not None and not isfile(file):
        raise RegistryError(f"{file}: no such file of prices; see registry/{FILE} for one")
    theirs = home / ".evals" / FILE if home is not None else None
    given = [path for path in (file, theirs) if path is not None and isfile(path)]
    return tuple(map(read_prices, (*given, own_folder("registry") / FILE)))


def read_prices(path: Path) -> dict[str, Price]:
    """One file of prices.

    Raises:
        RegistryError: a line that is no price, by file, line and key.
    """
    return {item.name: _price(item, path) for item in read_items(path)}


def _price(item: Item, path: Path) -> Price:
    fields = Fields(item.value, f"{path}:{item.line}: price of '{item.name}'")
    prompt, completion = fields.number("input"), fields.number("output")
    if prompt is None or completion is None:
        missing = "input" if prompt is None else "output"
        raise RegistryError(f"{fields.place}: '{missing}' is missing; US dollars per million")
    price = Price(
        prompt=prompt,
        completion=completion,
        cached_prompt=fields.number("cached_input"),
        training=fields.number("training"),
        as_of=_month(fields),
    )
    fields.refuse_rest()
    return price


def _month(fields: Fields) -> str:
    value = fields.take("as_of")
    if value is None:
        return ""
    if not MONTH.fullmatch(str(value)):
        raise fields.wrong("as_of", "a month such as 2026-05", str(value))
    return str(value)
