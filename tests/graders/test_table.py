from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import RegistryError
from harness.graders import GRADERS, make_grader
from harness.graders.extraction import Extraction
from harness.graders.style import Style
from harness.graders.text import Includes
from harness.records import EvalSpec
from harness.registry import NATIVE


def spec(grader: str, **args: Any) -> EvalSpec:
    return EvalSpec("e.dev.v0", grader, Path("s.jsonl"), args=args, source=Path("e.yaml"))


def test_options_become_fields() -> None:
    assert make_grader(spec("includes", ignore_case=True)) == Includes(ignore_case=True)
    assert make_grader(spec("style", max_words=3, forbid=["x"])) == Style(
        max_words=3, forbid=("x",)
    )
    assert make_grader(spec("extraction", fields="city")) == Extraction(fields=("city",))


@pytest.mark.parametrize(
    ("grader", "args", "said"),
    [
        ("matches", {}, "no grader 'matches'; did you mean 'match'?"),
        ("style", {"max_word": 3}, "has no option 'max_word'; did you mean 'max_words'"),
        ("match", {"x": 3}, "grader 'match' has no option 'x'; it has none"),
        ("includes", {"ignore_case": "yes"}, "ignore_case: expected true or false, found 'yes'"),
        ("includes", {"ignore_case": 1}, "expected true or false"),
        ("style", {"max_words": True}, "max_words: expected a whole number or nothing"),
        ("style", {"max_words": 2.5}, "expected a whole number or nothing"),
        ("style", {"pattern": None}, "pattern: expected text, found None"),
        ("style", {"forbid": [1]}, "forbid: expected a text or a list of texts"),
        ("extraction", {"fields": 3}, "fields: expected a text or a list of texts"),
        ("style", {"pattern": "("}, "pattern: not a regular expression"),
    ],
)
def test_a_wrong_option_is_named_with_its_eval(grader: str, args: Any, said: str) -> None:
    with pytest.raises(RegistryError, match=r"^e\.yaml: eval 'e\.dev\.v0': ") as caught:
        make_grader(spec(grader, **args))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_registry_and_the_table_know_the_same_graders() -> None:
    assert {native.grader for native in NATIVE.values()} <= set(GRADERS)


def test_class_names_of_ours_lead_to_our_classes() -> None:
    for name, native in NATIVE.items():
        if name.startswith("harness."):
            kind = GRADERS[native.grader]
            assert f"{kind.__module__}:{kind.__name__}" == name
