"""Other people's eval classes: whether one may run here, and what is missing before it can.

Nothing of theirs is imported to find that out: packages are looked up, files are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from harness.errors import RegistryError

REFERENCE = "evals"
"""The package whose ``Eval`` class the others derive from."""

INSTALL = "pip install --no-deps evals && pip install 'finetune-harness[evals]'"


def module_of(class_name: str) -> str:
    """The module of ``package.module:Class``."""
    return class_name.partition(":")[0]


def class_allowed(class_name: str, prefixes: Sequence[str]) -> bool:
    """Whether a prefix is the class's module or a package around it."""
    parts = module_of(class_name).split(".")
    allowed = (prefix.removesuffix(".*").split(".") for prefix in prefixes)
    return any(parts[: len(prefix)] == prefix for prefix in allowed)


def bridge_status(class_name: str, prefixes: Sequence[str]) -> str | None:
    """What has to be done before this class can run through the bridge; None: nothing.

    Packages that the class's module needs in turn are only seen when it runs.
    """
    if not _well_formed(class_name):
        return f"{class_name!r} is no 'package.module:Class'; repair the name"
    steps = []
    if not reference_installed():
        steps.append(f"install the reference package ({INSTALL})")
    if not class_allowed(class_name, prefixes):
        steps.append(f"allow its code (--allow-code {module_of(class_name)})")
    if not steps:
        return _absence(class_name)
    return f"it is third-party code: {', and '.join(steps)}"


def can_be_bridged(class_name: str) -> bool:
    """Whether only a permission or the reference package is missing, as far as files tell."""
    if not _well_formed(class_name):
        return False
    return not reference_installed() or _absence(class_name) is None


def require_bridge(class_name: str, prefixes: Sequence[str], place: str) -> None:
    """Refuse a class that may not, or cannot, run here.

    Raises:
        RegistryError: what has to be done first.
    """
    status = bridge_status(class_name, prefixes)
    if status is not None:
        raise RegistryError(f"{place}: class {class_name}: {status}")


def reference_installed() -> bool:
    """Whether the reference package is there, and not another one of its name."""
    return any((folder / "elsuite").is_dir() for folder in _folders(REFERENCE))


def _well_formed(class_name: str) -> bool:
    module, colon, name = class_name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), name))


def _absence(class_name: str) -> str | None:
    """Looked up by files: finding a submodule by its name would import its package."""
    top, *inner = module_of(class_name).split(".")
    spec = _spec(top)
    folders = _folders(top)
    places = [folder.joinpath(*inner) for folder in folders]
    there = any(p.is_dir() or p.with_suffix(".py").is_file() for p in places) or (
        not inner and spec is not None
    )
    if there or (spec is not None and not folders):
        return None
    missing = top if spec is None else module_of(class_name)
    return f"it is not there: no module {missing!r}; install its package"


def _folders(package: str) -> list[Path]:
    spec = _spec(package)
    locations = spec.submodule_search_locations if spec else None
    return [Path(location) for location in locations or ()]


def _spec(package: str) -> ModuleSpec | None:
    try:
        return find_spec(package)
    except (ImportError, ValueError):
        return None
