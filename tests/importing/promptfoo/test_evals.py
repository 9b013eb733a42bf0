"""A configuration as evals: what is written, and what is left out by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import DatasetError, HarnessError
from harness.graders import needs_judge
from harness.importing.promptfoo import Promptfoo, read_promptfoo
from harness.registry import load_registry

Made = dict[str, Any]
EQUALS = {"type": "equals", "value": "{{x}}"}


def config(folder: Path, **parts: Any) -> Path:
    whole = {
        "prompts": ["Say {{x}}"],
        "providers": ["echo"],
        "tests": [{"vars": {"x": "hi"}, "assert": [EQUALS]}],
        **parts,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "my.yaml"
    path.write_text(yaml.safe_dump(whole))
    return path


def made(folder: Path, **parts: Any) -> Promptfoo:
    return read_promptfoo(config(folder, **parts))


def lines(found: Promptfoo, number: int = 0) -> list[Made]:
    texts = [text for name, text in found.files.items() if name.startswith("data/")]
    return [json.loads(line) for line in texts[number].splitlines()]


def asserting(*listed: Any, **more: Any) -> Made:
    return {"tests": [{"vars": {"x": "hi"}, "assert": list(listed), **more}]}


def test_an_eval_runs_from_the_registry_that_is_written(tmp_path: Path) -> None:
    found = made(tmp_path / "config")
    for name, text in found.files.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text(text)
    spec = load_registry([tmp_path / "out"]).eval("my.v1")
    assert spec.grader == "assertions"
    assert not needs_judge(spec)
    assert lines(found)[0]["assert"] == [{"type": "equals", "value": "hi"}]


def test_several_prompts_are_several_evals(tmp_path: Path) -> None:
    prompts = ["A {{x}}", {"raw": "B {{x}}", "label": "The B!"}, {"raw": "C", "label": "the b"}]
    assert list(made(tmp_path, prompts=prompts).evals) == [
        "my.prompt-1.v1",
        "my.the-b.v1",
        "my.the-b-2.v1",
    ]


def test_rubrics_ask_a_judge_and_that_is_told(tmp_path: Path) -> None:
    found = made(tmp_path, **asserting({"type": "llm-rubric", "value": "says {{x}}"}))
    assert found.judged
    assert "JudgedAssertions" in found.files["evals/my.yaml"]
    assert lines(found)[0]["assert"][0]["value"] == "says hi"
    assert any("prompt of ours" in note for note in found.notes)


@pytest.mark.parametrize(
    ("assertion", "why"),
    [
        (
            {"type": "javascript", "value": "true"},
            "assertion javascript left out of test 1: it has",
        ),
        (
            {"type": "similar", "value": "x"},
            "assertion similar left out of test 1: it has no equal",
        ),
        ({"type": "equals", "value": "x", "transform": "f"}, "its 'transform' is code"),
        ({"type": "equals", "value": "file://check.py"}, "check.py is code"),
        ({"type": "equals", "value": "file://../up.txt"}, "up.txt lies outside"),
        ({"type": "equals", "value": "file://no.txt"}, "there is no file no.txt"),
        ({"type": "regex", "value": r"\p{L}"}, "has no equal here"),
        ({"type": "is-json", "value": {"type": "object"}}, "with a schema has no equal"),
        ({"type": "contains", "value": "{% if x %}"}, "is a program"),
        ({"type": "contains", "value": "{{ x | replace('a', 'b') }}"}, "the filter 'replace"),
        ({"type": "contains", "value": "{{ env.HOME }}"}, "computes something"),
        ({"type": "contains", "value": "{{ x"}, "is not closed"),
        ({"type": "contains-any", "value": '"a'}, "a quote that is not closed"),
        ({"type": "equals", "value": "x", "weight": "much"}, "its 'weight' is no number"),
        ({"$ref": "other.yaml#/a"}, "it has no type, or stands in another file"),
        ("equals", "it has no type"),
    ],
)
def test_what_has_no_equal_is_named_and_the_rest_is_kept(
    tmp_path: Path, assertion: Any, why: str
) -> None:
    found = made(tmp_path, **asserting(EQUALS, assertion))
    assert why in found.notes[0]
    (line,) = lines(found)
    assert [one["type"] for one in line["assert"]] == ["equals"]
    assert len(line["left_out"]) == 1


def test_a_test_with_no_assertion_left_is_named(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        tests=[
            {"vars": {"x": "a"}, "assert": [EQUALS]},
            {"vars": {"x": "b"}, "assert": [{"type": "cost", "threshold": 1}]},
            {"vars": {"x": "c"}},
        ],
    )
    assert [line["id"] for line in lines(found)] == ["1"]
    assert "the whole test left out of 2 tests (2, 3): no assertion is left" in found.notes


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ({"options": {"transform": "output.trim()"}}, "its option 'transform'"),
        ({"assertScoringFunction": "file://f.js"}, "its 'assertScoringFunction'"),
        ({"providerOutput": "x"}, "its 'providerOutput'"),
        ({"vars": {"x": "file://make.js"}}, "its variable 'x': make.js is code"),
        ({"vars": {"x": "file:///etc/passwd"}}, "lies outside"),
        ({"vars": {"x": "file://../*.txt"}}, "is no file"),
    ],
)
def test_a_test_that_would_run_code_or_leave_the_folder_is_named(
    tmp_path: Path, test: Made, why: str
) -> None:
    whole = {"vars": {"x": "hi"}, "assert": [{"type": "contains", "value": "a"}], **test}
    kept = {"vars": {"x": "kept"}, "assert": [EQUALS]}
    found = made(tmp_path, tests=[whole, kept])
    assert [line["id"] for line in lines(found)] == ["2"]
    assert any(note.startswith("the whole test left out of test 1") for note in found.notes)
    assert any(why in note for note in found.notes)


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        ("file://make.py", "is code"),
        ("file://make.js:f", "is code"),
        ("exec:./run.sh", "a program or a service"),
        ("file://../outside.txt", "lies outside"),
        ("file://prompts.csv", "there is no file"),
        ("{% for a in x %}{{a}}{% endfor %}", "is a program"),
    ],
)
def test_a_prompt_that_would_run_code_or_leave_the_folder_is_named(
    tmp_path: Path, prompt: str, why: str
) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    found = made(tmp_path / "in", prompts=[prompt, "Say {{x}}"])
    assert why in found.notes[0]
    assert [line["input"][0]["content"] for line in lines(found)] == ["Say hi"]
    assert "secret" not in str(found.files)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "prompt.txt").symlink_to(tmp_path / "secret.txt")
    found = made(tmp_path / "in", prompts=["file://prompt.txt", "file://*.txt", "Say {{x}}"])
    assert "secret" not in str(found.files)


@pytest.mark.parametrize("key", ["scenarios", "nunjucksFilters", "derivedMetrics", "extensions"])
def test_parts_that_are_not_taken_over_are_named(tmp_path: Path, key: str) -> None:
    assert made(tmp_path, **{key: ["x"]}).notes[0].startswith(f"'{key}' left out: ")


def test_providers_say_how_to_sample_and_whom_to_ask(tmp_path: Path) -> None:
    cool = {"temperature": 0, "max_tokens": 9, "apiBaseUrl": "http://127.0.0.1:1/v1"}
    found = made(
        tmp_path,
        providers=["openai:chat:m-1", {"id": "openai:m-2", "config": {"temperature": 1}}],
        evaluateOptions={"repeat": 3},
    )
    assert [one.model for one in found.providers] == ["m-1", "m-2"]
    assert "providers sample in different ways" in found.notes[0]
    found = made(tmp_path, providers=[{"openai:m-3": {"config": cool}}])
    args = yaml.safe_load(found.files["evals/my.yaml"])["my.v1"]["args"]
    assert (args["temperature"], args["max_tokens"]) == (0.0, 9)
    assert (found.providers[0].model, found.providers[0].base_url) == ("m-3", cool["apiBaseUrl"])


def test_references_in_the_file_are_followed_and_circles_are_told(tmp_path: Path) -> None:
    templates = {"a": {"type": "contains", "value": "a"}, "b": {"$ref": "#/assertionTemplates/a"}}
    listed = asserting({"$ref": "#/assertionTemplates/b"})
    found = made(tmp_path, assertionTemplates=templates, **listed)
    assert lines(found)[0]["assert"] == [{"type": "contains", "value": "a"}]
    templates["a"] = {"$ref": "#/assertionTemplates/b"}
    with pytest.raises(DatasetError, match="circle"):
        made(tmp_path, assertionTemplates=templates, **listed)
    with pytest.raises(DatasetError, match="has no '#/x'"):
        made(tmp_path, **asserting({"$ref": "#/x"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "prompts: [",
        "tests: []",
        "prompts: []\ntests: []",
        "prompts: [x]\ntests: 3",
        "prompts: {}",
        "a: &a [*a]\nprompts: [x]",
        "prompts: " + "[" * 200 + "]" * 200,
        "prompts: !!python/object/apply:os.system ['true']",
    ],
)
def test_what_is_no_configuration_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(HarnessError, match=r"c\.yaml") as told:
        read_promptfoo(tmp_path / "c.yaml")
    assert "\n" not in str(told.value)


def test_too_many_combinations_are_refused(tmp_path: Path) -> None:
    many = {key: ["a", "b"] for key in "abcdefghijklmnopqrst"}
    with pytest.raises(DatasetError, match="more than 200,000 tests"):
        made(tmp_path, tests=[{"vars": many, "assert": [{"type": "contains", "value": "a"}]}])
