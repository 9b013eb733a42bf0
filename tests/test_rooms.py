"""Who may import whom: the rooms of the house, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "harness"

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"records", "errors", "messages", "extensions", "whole_file", "blas", "embedded"}),
    frozenset({"models", "analysis", "finetuning", "reports", "registry", "datasets", "prompts"}),
    frozenset({"graders", "linting"}),
    frozenset({"running"}),
    frozenset({"openai_evals", "importing"}),
    frozenset({"pipeline"}),
    frozenset({"viewer", "api"}),
    frozenset({"integrations"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""From the ground up: a room sees the floors below it, never its own floor's other rooms."""

PIPELINE_FLOORS = (
    ("folder",),
    ("orders",),
    ("questions",),
    ("measuring",),
    ("judging", "reviewing", "texts"),
    ("reporting",),
    ("finished",),
    ("exporting", ""),
    ("looping",),
)
"""The same within the pipeline; files in no folder ("") tell the whole story."""

GROUND_ORDER = ("errors", "records", "messages", "extensions", "whole_file", "blas", "embedded")
"""On the ground floor, later rooms may see earlier ones."""

ONLY_THE_SEAM = {"running", "graders"}
"""Rooms that see ``models/base.py`` and nothing else of models."""

IMPORTED_IN_ONE_PLACE = {
    "openai": {"finetuning/jobs.py", "finetuning/api.py", "models/batch.py", "cli/endpoints.py"},
    "vl_convert": {"reports/charts.py"},
    "pyarrow": {"pipeline/exporting/tablefiles.py"},
    "IPython": {"api/progress.py"},
    "cleanlab": {"linting/label_noise.py"},
    "aiohttp": {"models/connection.py"},
    "uvicorn": {"embedded/server.py", "embedded/serving.py", "viewer/serving.py"},
    "evals": {"openai_evals/reference.py"},
    "wandb": {"pipeline/exporting/trackers.py"},
    "mlflow": {"pipeline/exporting/trackers.py"},
    "ray": {"running/distributed.py", "running/portions.py"},
}


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "harness"


def floor(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if name in rooms)


@cache
def imports(path: Path) -> tuple[tuple[int, str], ...]:
    """Every absolute import of a file, type-only and late ones included."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_only_see_the_floors_below(path: Path) -> None:
    home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for line, module in imports(path):
        if not module.startswith("harness."):
            continue
        seen = room(module)
        if seen in (home, "_version", "__version__"):
            continue
        where = f"{path}:{line}: {home} imports {module}"
        if home in FLOORS[0]:
            assert seen in GROUND_ORDER[: GROUND_ORDER.index(home)], where
        else:
            assert floor(seen) < floor(home), where
        if home in ONLY_THE_SEAM and seen == "models":
            assert module.startswith("harness.models.base"), where


PIPELINE = sorted((PACKAGE / "pipeline").glob("*/*.py"))


def pipeline_floor(folder: str) -> int:
    return next(i for i, folders in enumerate(PIPELINE_FLOORS) if folder in folders)


@pytest.mark.parametrize("path", PIPELINE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_folders_of_the_pipeline_only_see_the_floors_below(path: Path) -> None:
    home = path.parent.name
    for line, module in imports(path):
        parts = module.split(".")
        if parts[:2] != ["harness", "pipeline"] or len(parts) < 4 or parts[2] == home:
            continue
        seen = parts[2] if (PACKAGE / "pipeline" / parts[2]).is_dir() else ""
        where = f"{path}:{line}: {home} imports {module}"
        assert pipeline_floor(seen) < pipeline_floor(home), where


@pytest.mark.parametrize("package", sorted(IMPORTED_IN_ONE_PLACE))
def test_heavy_packages_enter_in_one_place(package: str) -> None:
    users = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        for _, module in imports(path)
        if module.split(".")[0] == package
    }
    assert users <= IMPORTED_IN_ONE_PLACE[package]


def test_every_file_has_a_room() -> None:
    known = set().union(*FLOORS)
    homes = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    assert homes <= known
