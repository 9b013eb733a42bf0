"""What other packages add to the harness, found by their entry points and loaded when named.

A package declares, for example::

    [project.entry-points."harness.graders"]
    word_overlap = "my_package.grading:WordOverlap"

What is built in wins over an extension of the same name. Only what is installed is found:
a registry can name an extension, and never a module to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.errors import ExtensionError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GRADERS = "harness.graders"
METRICS = "harness.metrics"
PROVIDERS = "harness.providers"
LINTS = "harness.lints"
RULES = "harness.rules"
RENDERERS = "harness.renderers"

GROUPS: Mapping[str, str] = {
    GRADERS: "a frozen dataclass: its fields are the options, its grade() the mark",
    METRICS: "a PromptMetric: one diversity value a prompt",
    PROVIDERS: "a function of an Access that returns a Provider, which answers for its models",
    LINTS: "a Lint: one check of training data",
    RULES: "a Rule: one row of the decision table, with a number from 1001",
    RENDERERS: "a function of a Document that returns the text of report.NAME",
}
"""Every entry-point group, and what its entry points hold."""


def names(group: str) -> tuple[str, ...]:
    """What is installed for a group, by name."""
    return tuple(_found(group))


def load(group: str, name: str) -> Any:
    """Import an extension.

    Raises:
        ExtensionError: there is none of this name, or it cannot be imported.
    """
    found = _found(group).get(name)
    if found is None:
        raise ExtensionError(f"no installed package has a '{name}' in {group}")
    try:
        return found.load()
    except Exception as error:  # whatever a stranger's module does while it is imported
        said = " ".join(str(error).split())
        raise ExtensionError(
            f"{origin(group, name)} cannot be imported: {type(error).__name__}: {said}; "
            "repair or uninstall the package"
        ) from error


def load_all(group: str) -> dict[str, Any]:
    """Every extension of a group, by name.

    Raises:
        ExtensionError: one cannot be imported.
    """
    return {name: load(group, name) for name in names(group)}


def origin(group: str, name: str) -> str:
    """Where an extension comes from, for messages."""
    found = _found(group)[name]
    package = f"{found.dist.name} {found.dist.version}" if found.dist else "a package"
    return f"{package}: '{name}' in {group} ({found.value})"


@cache
def _found(group: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in sorted(entry_points(group=group), key=_order)}


def _order(point: EntryPoint) -> tuple[str, str]:
    return point.name, point.value
