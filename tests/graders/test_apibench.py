from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DatasetError, RegistryError, UsageError
from harness.graders import make_grader, syntax
from harness.graders.apibench import ApiBench, call_in
from harness.records import EvalSpec, Score

APIS = Path(__file__).with_name("apis.jsonl")
GRADER = ApiBench(str(APIS))
BIRD = {
    "domain": "Image Classification",
    "api_call": "torch.hub.load(repo_or_dir='acme/vision', model='birdnet', pretrained=True)",
}


def marked(mark: Any, text: str, grader: ApiBench = GRADER, **reference: Any) -> Score:
    score = mark(grader, text, api_data={**BIRD, **reference})
    assert isinstance(score, Score)
    return score


def answer(call: str) -> str:
    return f"{{'domain': 'x', 'api_call': \"{call}\", 'api_provider': 'PyTorch'}}"


# --- which text is the call ----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("<<<api_call>>>: f(x)", "f(x)"),
        ("'api_call': 'f(x)', 'api_provider': 'g(y)'", "'f(x)"),
        ("api_call: f(x) and so on", "f(x)"),
        ("api_call: f(x), api_call: g(y)", "f(x)"),
        ("api_provider: a api_call: f(x)", "f(x)"),
        ("api_call: f(x", "f("),
        ("api_call f(x)", "(x)"),
        ("api_call", ""),
        ("api_call:", ""),
    ],
)
def test_the_call_ends_at_the_last_bracket_before_the_provider(text: str, call: str) -> None:
    assert call_in(text) == call


def test_an_answer_without_api_call_names_no_call() -> None:
    assert call_in("torch.hub.load('acme/vision', 'birdnet')") is None


def test_two_of_the_published_scripts_read_such_an_answer_as_a_whole() -> None:
    assert call_in("f(x) # the call", whole_text=True) == "f(x) # the call"


# --- marks ---------------------------------------------------------------------------


def test_the_references_own_api_is_correct_and_exact(mark: Any) -> None:
    score = marked(mark, answer("model = torch.hub.load('acme/vision', 'birdnet')"))
    assert (score.value, score.label) == (1.0, "correct")
    assert score.details == {"hallucination": 0.0, "exact_api": 1.0}


def test_another_api_of_the_domain_is_correct_but_not_exact(mark: Any) -> None:
    chirp = {"domain": "Audio", "api_call": "torch.hub.load(repo_or_dir='b', model='other')"}
    score = marked(mark, answer("torch.hub.load('acme/sound', 'chirp')"), **chirp)
    assert (score.value, score.details["exact_api"]) == (1.0, 0.0)


def test_an_api_of_another_domain_is_wrong_and_no_hallucination(mark: Any) -> None:
    score = marked(mark, answer("torch.hub.load('acme/sound', 'chirp')"))
    assert (score.value, score.label) == (0.0, "wrong")
    assert score.details["hallucination"] == 0.0
    assert "Audio" in str(score.reason)


@pytest.mark.parametrize(
    "call",
    [
        "torch.hub.load('acme/vision', 'eagle')",
        "torch.hub.load('birdnet')",
        "hub.translate(model='babel')",  # the database writes its value in double quotes
        "torch.hub.load(pretrained=True)",  # APIs without values to look for match nothing
        "torch.hub.load('acme/sound', 'whistle')",  # an assignment in the database is no call
        "",
    ],
)
def test_an_api_that_does_not_exist_is_a_hallucination(mark: Any, call: str) -> None:
    score = marked(mark, answer(call))
    assert (score.value, score.label) == (0.0, "hallucination")
    assert score.details == {"hallucination": 1.0, "exact_api": 0.0}


def test_no_call_is_neither_right_nor_a_hallucination(mark: Any) -> None:
    score = marked(mark, "torch.hub.load('acme/vision', 'birdnet')")
    assert (score.value, score.label) == (0.0, "no call")
    assert score.details == {"hallucination": 0.0, "exact_api": 0.0}


def test_the_first_api_of_the_file_counts_where_several_fit(mark: Any) -> None:
    large = {"api_call": BIRD["api_call"].replace("birdnet", "birdnet_large")}
    score = marked(mark, answer("torch.hub.load('acme/vision', 'birdnet_large')"), **large)
    assert (score.value, score.details["exact_api"]) == (1.0, 0.0)


def test_without_a_sub_tree_of_the_name_the_last_one_stands_in(mark: Any) -> None:
    assert marked(mark, "api_call: load('acme/vision birdnet')").label == "correct"
    assert marked(mark, "api_call: load('acme/vision', 'birdnet')").label == "hallucination"


def test_only_the_first_sub_tree_of_a_name_is_looked_at(mark: Any) -> None:
    right, other = "torch.hub.load('acme/vision', 'birdnet')", "torch.hub.load('a', 'b')"
    assert marked(mark, f"api_call: {other}\n{right}").label == "correct"
    assert marked(mark, f"api_call: {right}\n{other}").label == "hallucination"


def test_a_broken_call_is_read_as_far_as_it_goes(mark: Any) -> None:
    score = marked(mark, "api_call: \"torch.hub.load('acme/vision', 'birdnet', [1, 2)")
    assert score.label == "correct"


def test_other_hubs_look_for_all_arguments_and_read_answers_without_api_call(mark: Any) -> None:
    grader = ApiBench(str(APIS), hub="huggingface")
    text = "torch.hub.load(repo_or_dir='acme/vision', model='birdnet'{})"
    assert marked(mark, text.format(", pretrained=True"), grader).label == "correct"
    assert marked(mark, text.format(""), grader).label == "hallucination"


@pytest.mark.parametrize("text", ["{" * 10**6, "a." * 10**6, "f(" * 10**5, "'" * 10**6, "\ud800"])
def test_whatever_is_written_is_marked(mark: Any, text: str) -> None:
    assert marked(mark, f"api_call: {text})").label == "hallucination"


# --- what it needs -------------------------------------------------------------------


def test_a_sample_may_name_its_reference_by_its_call_alone(mark: Any) -> None:
    text = answer("torch.hub.load('acme/vision', 'birdnet')")
    assert mark(GRADER, text, BIRD["api_call"]).value == 1.0
    assert mark(GRADER, text, "torch.hub.load('unknown')").value is None


def test_without_a_database_there_is_no_mark(mark: Any) -> None:
    with pytest.raises(RegistryError, match="database"):
        marked(mark, "api_call: f(x)", ApiBench())


def test_a_database_that_cannot_be_read_is_found_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        ApiBench(str(tmp_path / "none.jsonl"))
    broken = tmp_path / "apis.jsonl"
    broken.write_text('{"api_call": "f(x)"}\n')
    with pytest.raises(RegistryError, match=r"apis.jsonl:1: an API needs 'api_call' and 'domain'"):
        ApiBench(str(broken))


def test_without_its_parser_the_extra_to_install_is_named(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_python", None)
    syntax._parser.cache_clear()
    with pytest.raises(UsageError, match=r"finetune-harness\[calls\]"):
        ApiBench(str(APIS))


def test_an_unknown_hub_is_named() -> None:
    spec = EvalSpec("e", "apibench", Path("s.jsonl"), args={"hub": "pypi"})
    with pytest.raises(RegistryError, match="hub 'pypi' is none of torchhub"):
        make_grader(spec)


# --- the published figures -----------------------------------------------------------

GORILLA = Path(__file__).parents[2] / "../shared/data/gorilla"
needs_gorilla = pytest.mark.skipif(
    not GORILLA.is_dir(), reason=f"Gorilla's data are not in {GORILLA}: figures not checked"
)


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GORILLA / name).read_text().splitlines()]


@needs_gorilla
@pytest.mark.parametrize(
    ("model", "functionality", "hallucination", "exact"),
    [("Gorilla_FT_0_shot", 141, 30, 16), ("Gorilla_RT_oracle", 173, 13, 147)],
)
def test_stored_answers_get_the_published_figures(
    mark: Any, model: str, functionality: int, hallucination: int, exact: int
) -> None:
    references = [line["api_data"] for line in lines("torchhub_eval.json")]
    grader = ApiBench(str(GORILLA / "torchhub_api.jsonl"))
    scores = [
        mark(grader, line["text"], api_data=references[line["question_id"] - 1])
        for line in lines(f"response_torchhub_{model}.jsonl")
    ]
    assert len(scores) == 186
    assert sum(score.value for score in scores) == functionality
    assert sum(score.details["hallucination"] for score in scores) == hallucination
    assert sum(score.details["exact_api"] for score in scores) == exact
