from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RegistryError
from harness.registry import Registry, load_registry, own_folder
from harness.registry.catalog import fits

Write = Callable[..., Registry]

SPEC = "{class: 'evals.elsuite.basic.match:Match', args: {samples_jsonl: s.jsonl}}"
EVALS = f"""
parcels: {{id: parcels.heldout.v1, description: Order lines, metrics: [accuracy]}}
parcels.heldout.v1: {SPEC}
parcels.heldout.v2: {SPEC}
other: parcels
other.dev.v0: {SPEC}
foreign.dev.v0: {{class: 'my.module:Eval', args: {{}}}}
"""


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(RegistryError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- names and aliases ---------------------------------------------------------------


def test_aliases_are_followed_to_their_end(write: Write) -> None:
    registry = write(evals=EVALS)
    assert registry.eval("other").name == "parcels.heldout.v1"
    assert registry.resolve("parcels").name == "parcels.heldout.v1"


def test_a_base_names_describes_the_eval_behind_it(write: Write) -> None:
    registry = write(evals=EVALS)
    assert registry.eval("parcels.heldout.v1").description == "Order lines"
    assert registry.eval("parcels").description == "Order lines"


def test_aliases_in_a_circle_name_the_chain(write: Write) -> None:
    registry = write(evals="a: b\nb: {id: c}\nc: a\n")
    assert "a -> b -> c -> a" in refusal(lambda: registry.eval("a"))
    assert "b -> c -> a -> b" in refusal(lambda: registry.eval("b"))


def test_a_dangling_alias_names_the_nearest(write: Write) -> None:
    registry = write(evals=f"base: {{id: base.dev.v1}}\nbase.dev.v0: {SPEC}\n")
    message = refusal(lambda: registry.eval("base"))
    assert "file.yaml:1: eval 'base': is an alias of 'base.dev.v1'" in message
    assert "did you mean 'base.dev.v0'" in message


def test_an_unknown_name_gets_the_nearest(write: Write) -> None:
    assert "did you mean 'parcels'" in refusal(lambda: write(evals=EVALS).eval("parcel"))


def test_patterns_are_anchored_and_give_each_spec_once(write: Write) -> None:
    registry = write(evals=EVALS)
    assert registry.matching(["parcels*"]) == ["parcels.heldout.v1", "parcels.heldout.v2"]
    assert registry.matching(["*.v0", "other"])[:2] == ["other.dev.v0", "foreign.dev.v0"]
    assert registry.matching(["other.*.v0"]) == ["other.dev.v0"]
    assert "no eval matches 'rders*'" in refusal(lambda: registry.matching(["rders*"]))


def test_a_dot_in_a_pattern_is_a_dot(write: Write) -> None:
    registry = write(evals=f"a.b: {SPEC}\naxb: {SPEC}\na+b: {SPEC}\n")
    assert registry.matching(["a.b*"]) == ["a.b"]
    assert registry.matching(["a+*"]) == ["a+b"]


# --- faults of files -----------------------------------------------------------------


def test_a_name_in_two_files_names_both(write: Write, tmp_path: Path) -> None:
    registry = write(evals=EVALS)
    (tmp_path / "registry/evals/more.yaml").write_text(f"x: {SPEC}\nparcels: {SPEC}\n")
    message = refusal(registry.names)
    assert "more.yaml:2: eval 'parcels' is already in" in message
    assert "file.yaml:2; rename one of them" in message


def test_a_name_in_two_registries_names_both(write: Write, tmp_path: Path) -> None:
    write(evals=EVALS)
    other = tmp_path / "other"
    (other / "evals").mkdir(parents=True)
    (other / "evals" / "more.yaml").write_text(f"parcels: {SPEC}\n")
    registry = load_registry([tmp_path / "registry", other])
    assert "more.yaml:1: eval 'parcels' is already in" in refusal(registry.names)


@pytest.mark.parametrize("key", ["key", "group", "cls"])
def test_reserved_keys_are_refused(write: Write, key: str) -> None:
    assert f"'{key}' is a reserved key" in refusal(write(evals=f"a: {{{key}: x}}").names)


@pytest.mark.parametrize("value", ["3", "[a]", "", "true"])
def test_a_spec_is_a_mapping_or_a_name(write: Write, value: str) -> None:
    assert "file.yaml:1: eval 'a': expected a mapping" in refusal(write(evals=f"a: {value}").names)


def test_kinds_kept_raw_keep_their_faults_too(write: Write) -> None:
    registry = write(modelgraded="a:\n  x: {i: 1, i: 2}\n")
    assert registry.entries("modelgraded")["a"].raw == {"x": {"i": 2}}


def test_folders_are_not_read_recursively(write: Write, tmp_path: Path) -> None:
    registry = write(evals=EVALS)
    (tmp_path / "registry/evals/deep").mkdir()
    (tmp_path / "registry/evals/deep/x.yaml").write_text("[broken")
    assert "parcels" in registry.names()


def test_a_kind_is_read_only_when_asked_for(write: Write) -> None:
    registry = write(evals=EVALS, solvers="[broken\n")
    assert registry.eval("parcels").name == "parcels.heldout.v1"
    message = refusal(lambda: registry.names("solvers"))
    assert "file.yaml:2: not valid YAML" in message
    assert "(begun on line 1)" in message


# --- sets and listings ---------------------------------------------------------------


def test_an_eval_set_is_a_list_of_patterns(write: Write) -> None:
    registry = write(evals=EVALS, eval_sets="all: {evals: [parcels, 'other*']}\nnone: {}\n")
    assert registry.eval_set("all").patterns == ("parcels", "other*")
    assert "'evals' is missing" in refusal(lambda: registry.eval_set("none"))
    assert "did you mean 'all'" in refusal(lambda: registry.eval_set("al"))


def test_a_listing_says_why_an_eval_does_not_run(write: Write) -> None:
    listings = {listing.entry.name: listing for listing in write(evals=EVALS).listing()}
    assert listings["parcels"].runnable
    assert listings["parcels"].spec.name == "parcels.heldout.v1"
    assert listings["parcels"].description == "Order lines"
    assert listings["foreign.dev.v0"].class_name == "my.module:Eval"
    assert "my.module:Eval is not run natively" in (listings["foreign.dev.v0"].problem or "")


def test_evals_by_pattern_stop_at_one_that_cannot_run(write: Write) -> None:
    assert "not run natively" in refusal(lambda: write(evals=EVALS).evals(["*"]))


# --- where registries lie ------------------------------------------------------------


def test_a_home_that_cannot_be_entered_holds_no_registry() -> None:
    assert len(load_registry(home=Path("x" * 300)).roots) == 1


def test_our_own_registry_comes_first_then_home_then_the_given(
    write: Write, tmp_path: Path
) -> None:
    write(evals=EVALS)
    (tmp_path / ".evals" / "evals").mkdir(parents=True)
    registry = load_registry([tmp_path / "registry"], home=tmp_path)
    assert registry.roots == (own_folder("registry"), tmp_path / ".evals", tmp_path / "registry")


def test_a_registry_given_twice_counts_once(write: Write, tmp_path: Path) -> None:
    write(evals=EVALS)
    (tmp_path / "again").symlink_to(tmp_path / "registry")
    registry = load_registry([tmp_path / "registry", tmp_path / "again"])
    assert len(registry.roots) == 2
    assert registry.eval("parcels")


def test_a_given_folder_must_be_a_registry(write: Write, tmp_path: Path) -> None:
    write(evals=EVALS)
    assert "no such folder" in refusal(lambda: load_registry([tmp_path / "nowhere"]))
    message = refusal(lambda: load_registry([tmp_path]))
    assert message.endswith(f"did you mean {tmp_path / 'registry'}?")


def test_our_own_registry_loads() -> None:
    registry = load_registry()
    for kind in ("evals", "eval_sets", "studies"):
        registry.entries(kind)  # type: ignore[arg-type]
    broken = [listing.problem for listing in registry.listing() if not listing.runnable]
    assert broken == []


@given(pattern=st.text("ab.*", max_size=8), name=st.text("ab.", max_size=8))
def test_a_pattern_means_what_its_regular_expression_means(pattern: str, name: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert fits(name, pattern) == bool(re.fullmatch(expression, name, re.DOTALL))


def test_a_listing_goes_on_behind_an_alias_that_leads_nowhere(write: Write) -> None:
    registry = write(evals="a.b.v0: {id: gone}\nc.d.v0: {class: x}\n")
    broken, other = registry.listing()
    assert "is an alias of 'gone'" in str(broken.problem)
    assert other.entry.name == "c.d.v0"


def test_a_pattern_without_stars_is_one_whole_name() -> None:
    assert fits("sums.match", "sums.match")
    assert not fits("sums.match.v1", "sums.match")
    assert not fits("sums.match", "sums.match.v1")
