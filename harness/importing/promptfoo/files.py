"""Files that a configuration names: only those in its own folder, as data and never as code."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from harness.errors import DatasetError
from harness.registry.documents import Loader, safe_yaml_text

FILE = "file://"
MOST_FILES = 10_000
YAML_ENDINGS = (".yaml", ".yml")
CODE_ENDINGS = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".py", ".rb", ".go", ".sh")
GLOB = re.compile(r"[*?\[]")


class LeftOut(Exception):
    """Something of a configuration that has no equal here; the message says why."""


_Loader: Any = type("_Loader", (Loader,), {})
"""YAML as promptfoo reads it, by version 1.2: ``yes`` is a text, ``010`` is ten."""

_KEPT = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:null")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag in _KEPT]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float"))
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")
_Loader.add_implicit_resolver(
    _INT, re.compile(r"^[-+]?(?:[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)$"), "-+0123456789"
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"^(?:[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    "-+0123456789.",
)


def _whole(_: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    digits = node.value.lstrip("+-")
    base = 0 if digits[1:2] in ("x", "o", "b") else 10
    return int(digits, base) * (-1 if node.value.startswith("-") else 1)


_Loader.add_constructor(_INT, _whole)


def yaml_value(text: str) -> Any:
    """The value of a YAML text, by version 1.2."""
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with other resolvers


def yaml_values(path: Path) -> Any:
    """The one document of a YAML file, or of a JSON file, which is YAML too.

    Raises:
        RegistryError: not readable, or a trap.
        DatasetError: not YAML.
    """
    text = safe_yaml_text(path)
    try:
        if path.suffix == ".json":
            return json.loads(text)
        return yaml_value(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise DatasetError(f"{path}: cannot be read as YAML ({told})") from error


@dataclass(frozen=True, slots=True)
class Folder:
    """The configuration's folder: no name leads out of it. ``known`` holds what was read."""

    home: Path
    known: dict[Path, Any] = field(default_factory=dict, compare=False)

    def path(self, reference: str) -> Path:
        """The file that a reference names.

        Raises:
            LeftOut: it is outside, code, or not there.
        """
        name = reference.removeprefix(FILE)
        if name.partition(":")[0].endswith(CODE_ENDINGS) or name.endswith(CODE_ENDINGS):
            raise LeftOut(f"{name} is code")
        try:
            path = (self.home / name).resolve()
            inside = path.is_relative_to(self.home.resolve())
            if not inside:
                raise LeftOut(f"{name} lies outside the configuration's folder")
            if not path.is_file():
                raise LeftOut(f"there is no file {name}")
        except (OSError, ValueError, RuntimeError) as error:
            raise LeftOut(f"{name!r} cannot be read") from error
        return path

    def matching(self, reference: str) -> list[str]:
        """The files that a reference with stars means, in order; itself where it has none."""
        name = reference.removeprefix(FILE)
        if not GLOB.search(name):
            return [name]
        try:
            found = sorted(islice(self.home.glob(name), MOST_FILES))
        except (ValueError, NotImplementedError, OSError) as error:
            raise LeftOut(f"{name!r} is no pattern of files in the folder") from error
        names = [str(path.relative_to(self.home)) for path in found if path.is_file()]
        if not names:
            raise LeftOut(f"there is no file {name}")
        return names

    def text(self, reference: str) -> str:
        """The text of a file."""
        return safe_yaml_text(self.path(reference), traps=False)

    def values(self, reference: str) -> Any:
        """What a YAML, JSON, JSON lines or CSV file holds; each is read once."""
        path = self.path(reference)
        if path not in self.known:
            self.known[path] = self._read(path)
        return self.known[path]

    def _read(self, path: Path) -> Any:
        if path.suffix in (*YAML_ENDINGS, ".json"):
            return yaml_values(path)
        text = safe_yaml_text(path, traps=False)
        try:
            if path.suffix == ".jsonl":
                return [json.loads(line) for line in text.splitlines() if line.strip()]
            if path.suffix == ".csv":
                return list(_rows(text))
        except (ValueError, RecursionError, csv.Error) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        raise LeftOut(f"files such as {path.name} are not read")


def _rows(text: str) -> Iterator[Mapping[str, str]]:
    """The rows of a table by the names of its columns, without spaces around cells."""
    table = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    head: Sequence[str] | None = None
    for row in table:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if head is None:
            head = cells
        else:
            yield dict(zip(head, cells, strict=False))
