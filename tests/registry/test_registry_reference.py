"""Our reading of the reference package's registry, held against its own."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.registry import Listing, Registry, load_registry, own_folder

pytestmark = pytest.mark.oracle

WITHOUT_DATA = {
    # These two name files that are not in the package: "butteryfly" for "butterfly".
    "stock-options-iron-butteryfly-spread.dev.v0",
    "stock-option-terms-inverse-iron-butteryfly-spread.dev.v0",
}


@pytest.fixture(scope="module")
def registry(reference_registry: Path) -> Registry:
    return load_registry([reference_registry])


@pytest.fixture(scope="module")
def foreign(registry: Registry, reference_registry: Path) -> dict[str, Listing]:
    """Every spec of the package, once."""
    listings = (one for one in registry.listing() if one.spec.root == reference_registry)
    return {listing.spec.name: listing for listing in listings}


def test_all_849_specs_load(reference_registry: Path) -> None:
    entries = load_registry([reference_registry]).entries().values()
    ours = [e for e in entries if e.root == reference_registry and e.alias_of is None]
    assert len(ours) == 849


def test_all_native_classes_run_and_the_others_say_why(foreign: dict[str, Listing]) -> None:
    assert sum(listing.runnable for listing in foreign.values()) == 626
    problems = {name: one.problem for name, one in foreign.items() if one.problem}
    other = {name for name, why in problems.items() if "is not run natively" not in why}
    assert other == WITHOUT_DATA


def test_every_kind_of_file_loads(registry: Registry) -> None:
    counts = {kind: len(registry.names(kind)) for kind in ("modelgraded", "completion_fns")}
    assert counts == {"modelgraded": 22, "completion_fns": 9}
    assert len(registry.names("solvers")) == 169
    assert all(registry.eval_set(name).patterns for name in registry.names("eval_sets"))


@pytest.fixture(scope="module")
def theirs(reference: ModuleType, reference_registry: Path) -> Any:
    return reference.registry.Registry([reference_registry])


def test_every_name_leads_where_the_reference_leads(theirs: Any, registry: Registry) -> None:
    for name in theirs._evals:
        spec = theirs.get_eval(name)
        ours = registry.resolve(name)
        assert (ours.name, ours.raw.get("class")) == (spec.key, spec.cls)


@pytest.mark.parametrize("pattern", ["test-*", "*.dev.v0", "test-match", "*-exams-qa*"])
def test_patterns_mean_what_they_mean_there(
    theirs: Any, registry: Registry, reference_registry: Path, pattern: str
) -> None:
    own = {name for name in registry.names() if registry.resolve(name).root != reference_registry}
    assert set(registry.matching([pattern])) - own == {
        spec.key for spec in theirs.get_evals([pattern])
    }


def test_our_own_registry_is_readable_by_the_reference(reference: ModuleType) -> None:
    own = own_folder("registry")
    there: Any = reference.registry.Registry([own])
    ours = Registry([own])
    for name in ours.names():
        spec = there.get_eval(name)
        assert spec.key == ours.resolve(name).name
    for name in ours.names("eval_sets"):
        assert tuple(there.get_eval_set(name).evals) == ours.eval_set(name).patterns
