"""What a run was asked to do: the resolved study with its evals and the hashes of its files.

It is written to study.yaml before the first call and read back by everything that works on a
finished run, so that a report can be made anew without the registry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import yaml

from harness.errors import RunFolderError
from harness.records import EvalSpec, Round, Study

if TYPE_CHECKING:
    from pydantic import TypeAdapter

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The fast one where libyaml is there; both write the same text."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_NAMED = 10
MOST_DIGITS = 9
OWN = "harness:"
"""Stands for the folder that holds our own registry and datasets, wherever it is installed."""


@dataclass(frozen=True)
class Plan:
    """Everything that decides a run's numbers. ``files`` are SHA-256 hashes by path."""

    study: Study
    evals: tuple[EvalSpec, ...]
    endpoint: str = "chat"
    max_samples: int | None = None
    looks: int | None = None
    """How often a gate may be looked at before the end (0: at any time; None: never)."""
    files: Mapping[str, str] = field(default_factory=dict)
    after: tuple[Round, ...] = ()
    """The rounds of tuning that came before, the earliest first."""

    @cached_property
    def hash(self) -> str:
        """A hash of the whole plan."""
        return _hash_of(plain(self))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A plan, the command that ran it, and the version that did.

    ``as_read`` is the hash of the plan as the file holds it, whatever its version calls a plan;
    None where nothing was read.
    """

    plan: Plan
    command: str
    harness: str
    as_read: str | None = None

    @property
    def study(self) -> Study:
        """The study, resolved."""
        return self.plan.study

    @property
    def hash(self) -> str:
        """The plan's hash."""
        return self.plan.hash

    @property
    def files(self) -> Mapping[str, str]:
        """Hashes of the data files by their path, as people would write it."""
        return {path.removeprefix(OWN): digest for path, digest in self.plan.files.items()}


def plain(plan: Plan) -> dict[str, Any]:
    """A plan as YAML can hold it; paths into our own data do not name this machine."""
    raw = _adapter().dump_python(plan, mode="json")
    return {key: _without_root(value) for key, value in raw.items()}


@cache
def _adapter() -> TypeAdapter[Plan]:
    """Between plans and plain data; making it takes longer than using it."""
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)


def _hash_of(content: Any) -> str:
    """The hash of a plan as plain data; of what no plan holds, that of its text."""
    try:
        text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = repr(content).encode()
    return hashlib.sha256(text).hexdigest()


def write(manifest: Manifest, path: Path) -> None:
    """Write study.yaml.

    Raises:
        RunFolderError: it cannot be written.
    """
    content = {
        "harness": manifest.harness,
        "command": manifest.command,
        "hash": manifest.hash,
        "plan": plain(manifest.plan),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.dump(content, Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=100)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from error


def _instead_of(folder: Path) -> str:
    """What to name in the place of a folder without a manifest."""
    nested = sorted((one.parent.name for one in folder.glob("*/study.yaml")), key=_in_order)
    more = f" and {len(nested) - MOST_NAMED} more" if len(nested) > MOST_NAMED else ""
    those = f" below it: {', '.join(nested[:MOST_NAMED])}{more}" if nested else ""
    if (folder / "report.json").is_file():
        return f"; it holds a report on others and no answers: name one of those{those}"
    if nested:
        return f"; name one of those{those}"
    return "; name the folder that a run or a study wrote"


def _in_order(name: str) -> tuple[str, int]:
    """A key that sorts round-2 before round-10."""
    bare = name.rstrip("0123456789")
    return bare, int(name.removeprefix(bare)[:MOST_DIGITS] or 0)


def read(path: Path) -> Manifest:
    """Read study.yaml.

    Raises:
        RunFolderError: not there, not readable, or not a manifest.
    """
    from pydantic import ValidationError

    folder = path.parent
    if not folder.is_dir():
        raise RunFolderError(f"{folder}: no such run folder or file")
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), LOADER)  # noqa: S506 - a safe one
        plan = _adapter().validate_python(_with_root(raw["plan"]))
        return Manifest(plan, str(raw["command"]), str(raw["harness"]), _hash_of(raw["plan"]))
    except FileNotFoundError as error:
        raise RunFolderError(
            f"{folder}: is no run folder (no {path.name} in it){_instead_of(folder)}"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunFolderError(f"{path}: cannot be read: {error}") from error
    except (KeyError, TypeError, ValidationError) as error:
        raise RunFolderError(f"{path}: is no manifest of a run: {error}") from error


# --- paths that move with the installation -------------------------------------------


def own_root() -> Path:
    """The folder that holds registry/ and datasets/."""
    from harness.registry import own_folder

    return own_folder("datasets").parent.resolve()


def portable(path: Path) -> str:
    """A path for a manifest: relative to our own data, or absolute."""
    whole = path.resolve()
    root = own_root()
    return OWN + str(whole.relative_to(root)) if whole.is_relative_to(root) else str(whole)


def located(text: str) -> Path:
    """The path that ``portable`` wrote."""
    return own_root() / text.removeprefix(OWN) if text.startswith(OWN) else Path(text)


def _without_root(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(f"{own_root()}/"):
        return portable(Path(value))
    if isinstance(value, dict):
        return {key: _without_root(item) for key, item in value.items()}
    return [_without_root(item) for item in value] if isinstance(value, list) else value


def _with_root(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(OWN):
        return str(located(value))
    if isinstance(value, dict):
        return {key: item if key == "files" else _with_root(item) for key, item in value.items()}
    return [_with_root(item) for item in value] if isinstance(value, list) else value
