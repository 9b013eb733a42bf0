from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RegistryError
from harness.graders.templates import Missing, Scope, Template
from harness.records import Completion, Sample

ITEM = {"x": {"y": "deep"}, "list": [1, {"a": None}], "n": 1.5, "odd key": "k", "ja": "はい"}
CALL = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}


def scope(text: str = '{"a": {"b": [true]}}', **kwargs: Any) -> Scope:
    sample = Sample("s.0", ({"role": "user", "content": "Q?"},), ("I",), metadata={"item": ITEM})
    return Scope.of(sample, Completion(text, **kwargs))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{item.x.y}}", "deep"),
        ("a {{ item.x.y }} b {{item.n}}", "a deep b 1.5"),
        ("{{item.list[0]}}{{item.list.0}}{{item.list[-2]}}", "111"),
        ("{{item.list[1].a}}", "null"),
        ("{{item.x}}", '{"y": "deep"}'),
        ("{{item['odd key']}}", "k"),
        ('{{item["ja"]}}', "はい"),
        ("{{sample.output_text}}", '{"a": {"b": [true]}}'),
        ("{{sample.output_json.a.b[0]}}", "true"),
        ("{{sample.choices[0].message.content}}", '{"a": {"b": [true]}}'),
        ("{ {item.x} }", "{ {item.x} }"),
        ("{{ never closed", "{{ never closed"),
    ],
)
def test_names_are_filled_in(template: str, text: str) -> None:
    assert Template.parse(template).render(scope()) == text


def test_tool_calls_can_be_named() -> None:
    called = scope("", tool_calls=(CALL,))
    assert Template.parse("{{sample.output_tools[0].function.name}}").render(called) == "find"
    path = "{{sample.choices[0].message.tool_calls[0].id}}"
    assert Template.parse(path).render(called) == "c"


@pytest.mark.parametrize(
    ("template", "by_the_model"),
    [
        ("{{item.z}}", False),
        ("{{item.list[7]}}", False),
        ("{{item.n.x}}", False),
        ("{{sample.nothing}}", False),
        ("{{sample.output_json.z}}", True),
        ("{{sample.output_tools[0].function.name}}", True),
    ],
)
def test_a_missing_name_says_what_and_whose_fault_it_is(template: str, by_the_model: bool) -> None:
    with pytest.raises(Missing, match=template.strip("{}").split(".")[0]) as caught:
        Template.parse(template).render(scope())
    assert caught.value.by_the_model is by_the_model


@pytest.mark.parametrize(
    "template",
    [
        "{{}}",
        "{{ x }}",
        "{{items.x}}",
        "{{item.x | upper}}",
        "{{item.x()}}",
        "{{item.x y}}",
        "{{item.}}",
        "{{item[x]}}",
        "{{sample.output_text + 1}}",
        "{{''.__class__}}",
    ],
)
def test_nothing_but_names_is_allowed(template: str) -> None:
    with pytest.raises(RegistryError, match="no name to fill in"):
        Template.parse(template)


def test_values_are_looked_up_as_data_never_as_attributes() -> None:
    with pytest.raises(Missing):
        Template.parse("{{item.__class__}}").render(scope())
    with pytest.raises(Missing):
        Template.parse("{{sample.output_text.__class__}}").render(scope())


def test_what_was_filled_in_is_not_read_as_a_template() -> None:
    trap = Scope({"a": "{{item.secret}}", "secret": "s"})
    assert Template.parse("{{item.a}}").render(trap) == "{{item.secret}}"


def test_a_sample_without_item_is_its_own_item() -> None:
    sample = Sample("s.0", ({"role": "user", "content": "Q?"},), ("I", "J"), metadata={"k": 1})
    text = Template.parse("{{item.k}} {{item.ideal}} {{item.input}}")
    assert text.render(Scope.of(sample, Completion(""))) == "1 I Q?"


@pytest.mark.parametrize("text", ["{{item.x}}", "{{item.x.y}} and {{ item.n }}", "no name"])
def test_a_template_knows_that_the_item_is_enough(text: str) -> None:
    assert Template.parse(text).of_item
    assert not Template.parse(text + "{{sample.output_text}}").of_item


@given(st.text(max_size=60))
def test_any_text_either_parses_or_is_refused(text: str) -> None:
    try:
        template = Template.parse(text)
    except RegistryError:
        assert "{{" in text
        return
    if "{{" not in text:
        assert template.render(scope()) == text


KEYS = st.text(st.characters(blacklist_characters="'\"{}\n", codec="utf-8"), min_size=1, max_size=8)


@given(
    st.lists(KEYS | st.integers(0, 3), min_size=1, max_size=4),
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
)
def test_every_place_in_an_item_can_be_named(steps: list[str | int], leaf: Any) -> None:
    value = leaf
    for step in reversed(steps):
        value = {step: value} if isinstance(step, str) else [None] * step + [value]
    named = "".join(f"['{s}']" if isinstance(s, str) else f"[{s}]" for s in steps)
    text = Template.parse("{{item['root']" + named + "}}").render(Scope({"root": value}))
    assert text == (leaf if isinstance(leaf, str) else json.dumps(leaf))
