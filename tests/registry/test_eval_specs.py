from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import RegistryError
from harness.records import EvalSpec, Sampling
from harness.registry import Registry

Write = Callable[..., Registry]
Make = Callable[..., EvalSpec]


@pytest.fixture
def make(write: Write) -> Make:
    """The spec of a class with these args; without ``samples_jsonl`` it is ``s.jsonl``."""

    def spec(name: str, args: str = "", samples: str = "samples_jsonl: s.jsonl") -> EvalSpec:
        inside = ", ".join(filter(None, [samples, args]))
        return write(evals=f"e.dev.v0: {{class: '{name}', args: {{{inside}}}}}").eval("e.dev.v0")

    return spec


BASIC = "evals.elsuite.basic"
STYLE = "harness.graders.style:Style"


@pytest.mark.parametrize(
    ("name", "grader", "sampling"),
    [
        (f"{BASIC}.match:Match", "match", Sampling(temperature=0.0)),
        (f"{BASIC}.includes:Includes", "includes", Sampling()),
        (
            f"{BASIC}.fuzzy_match:FuzzyMatch",
            "fuzzy_match",
            Sampling(temperature=0.0, max_tokens=100),
        ),
        (f"{BASIC}.json_match:JsonMatch", "json_match", Sampling(temperature=0.0, max_tokens=512)),
        (f"{BASIC}.json_validator:JsonValidator", "json_validator", Sampling(temperature=0.0)),
        ("harness.graders.extraction:Extraction", "extraction", Sampling(temperature=0.0)),
        (STYLE, "style", Sampling()),
    ],
)
def test_each_class_samples_as_it_always_did(
    make: Make, name: str, grader: str, sampling: Sampling
) -> None:
    spec = make(name)
    assert (spec.grader, spec.sampling) == (grader, sampling)
    assert spec.task == ("open" if grader == "style" else "one-answer")


def test_what_the_spec_says_wins_over_the_class(make: Make) -> None:
    args = "temperature: 0.7, top_p: 0.9, max_tokens: 7, n: 4, seed: 3, stop: ['#'], logprobs: 0"
    assert make(f"{BASIC}.match:Match", args).sampling == Sampling(
        temperature=0.7, top_p=0.9, max_tokens=7, n=4, seed=3, stop=("#",), logprobs=0
    )


def test_our_own_args_have_fields_and_the_rest_is_the_graders(make: Make) -> None:
    spec = make(STYLE, "task: open, repeats: 5, metrics: [distinct_2], max_words: 9, odd: 1")
    assert (spec.task, spec.repeats, spec.metrics) == ("open", 5, ("distinct_2",))
    assert spec.args == {"max_words": 9, "odd": 1}
    assert spec.answers_per_prompt == 5


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("temperature: hot", "args: temperature: expected a number, found 'hot'"),
        ("temperature: 3", "from 0 to 2"),
        ("temperature: .nan", "from 0 to 2"),
        ("temperature: true", "expected a number"),
        ("n: 0", "args: n: expected a whole number of at least 1, found 0"),
        ("repeats: 1.5", "expected a whole number"),
        ("max_tokens: true", "expected a whole number"),
        ("task: opened", "one of one-answer, open"),
        ("stop: [1]", "a text or a list of texts"),
        ("num_few_shot: 2", "num_few_shot needs 'few_shot_jsonl'"),
        ("num_few_shot: -1", "at least 0"),
    ],
)
def test_a_wrong_arg_is_named_with_its_place(make: Make, args: str, said: str) -> None:
    with pytest.raises(RegistryError, match=r"file\.yaml:1: eval 'e\.dev\.v0': args") as caught:
        make(f"{BASIC}.match:Match", args)
    assert said in str(caught.value)


def test_a_mistyped_key_of_the_spec_is_refused(write: Write) -> None:
    registry = write(evals=f"e: {{class: '{BASIC}.match:Match', arg: {{samples_jsonl: s.jsonl}}}}")
    with pytest.raises(RegistryError, match="unknown key 'arg'; did you mean 'args'"):
        registry.eval("e")


def test_a_spec_without_class_or_samples_says_what_to_add(write: Write) -> None:
    registry = write(evals=f"a: {{description: x}}\nb: {{class: '{BASIC}.match:Match'}}\n")
    with pytest.raises(RegistryError, match="'class' is missing"):
        registry.eval("a")
    with pytest.raises(RegistryError, match="'samples_jsonl' is missing"):
        registry.eval("b")


def test_few_shot_files_are_found_like_samples(make: Make) -> None:
    spec = make(f"{BASIC}.match:Match", "num_few_shot: 2, few_shot_jsonl: s.jsonl")
    assert spec.num_few_shot == 2
    assert spec.few_shot is not None
    assert spec.few_shot.name == "s.jsonl"
    assert make(f"{BASIC}.match:Match", "few_shot_jsonl: gone.jsonl").few_shot is None


def test_the_built_in_test_eval_brings_its_samples(make: Make) -> None:
    spec = make("evals.elsuite.test.match:TestMatch", samples="")
    assert spec.grader == "match"
    assert len(spec.samples.read_text().splitlines()) == 3


# --- where samples may lie -----------------------------------------------------------


def test_an_existing_file_as_given_comes_first(make: Make, tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text("{}")
    assert make(f"{BASIC}.match:Match").samples == Path("s.jsonl")


def test_a_folder_is_found_in_the_registry_only(make: Make, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    (tmp_path / "registry/data/many").mkdir()
    spec = make(f"{BASIC}.match:Match", samples="samples_jsonl: many")
    assert spec.samples == tmp_path / "registry/data/many"


def test_an_absolute_path_is_taken_as_it_is(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.jsonl"
    file.write_text("{}")
    assert make(f"{BASIC}.match:Match", samples=f"samples_jsonl: '{file}'").samples == file
    with pytest.raises(RegistryError, match="does not exist"):
        make(f"{BASIC}.match:Match", samples=f"samples_jsonl: '{file}x'")


@pytest.mark.parametrize("path", ["../../secret.jsonl", "link.jsonl", "folder/secret.jsonl"])
def test_a_path_that_leaves_the_registry_is_refused(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "secret.jsonl").write_text("{}")
    (tmp_path / "registry/data/link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (tmp_path / "registry/data/folder").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path / "registry")
    with pytest.raises(RegistryError, match="leads out of"):
        make(f"{BASIC}.match:Match", samples=f"samples_jsonl: {path}")


def test_missing_samples_name_the_places_and_the_nearest_file(make: Make) -> None:
    with pytest.raises(RegistryError, match=r"looked for .*did you mean 's\.jsonl'"):
        make(f"{BASIC}.match:Match", samples="samples_jsonl: ss.jsonl")


APIBENCH = "harness.graders.apibench:ApiBench"


def test_an_option_that_names_a_data_file_becomes_a_whole_path(make: Make) -> None:
    spec = make(APIBENCH, "database: s.jsonl, hub: torchhub")
    assert spec.args == {"database": str(spec.samples.resolve()), "hub": "torchhub"}
    assert spec.sampling == Sampling(temperature=0.0)


def test_such_a_file_has_to_be_named_and_to_be_there(make: Make) -> None:
    with pytest.raises(RegistryError, match=r"database: none\.jsonl is not there"):
        make(APIBENCH, "database: none.jsonl")


def test_a_missing_file_option_is_named(make: Make) -> None:
    with pytest.raises(RegistryError, match="'database' is missing"):
        make(APIBENCH)


GENERATION = "harness.graders.generation:Generation"
RATED = (
    "quality: {prompt: 'Rate {completion}', choice_strings: ['1', '2'],"
    " choice_scores: from_strings}"
)


def test_a_generation_eval_asks_ten_times_unless_it_says_how_often(make: Make) -> None:
    spec = make(GENERATION)
    assert (spec.task, spec.sampling, spec.repeats) == ("open", Sampling(temperature=1.0, n=10), 1)
    assert make(GENERATION, "n: 1, temperature: 0").answers_per_prompt == 1
    spec = make(GENERATION, "repeats: 4")
    assert (spec.answers_per_prompt, spec.sampling.n) == (4, 1)


def test_answers_that_cannot_differ_are_refused(make: Make) -> None:
    with pytest.raises(RegistryError, match="temperature 0 gives the same answer 10 times"):
        make(GENERATION, "temperature: 0")


def test_the_rubric_of_a_quality_may_stand_in_the_eval(make: Make) -> None:
    options = make(GENERATION, f"max_words: 9, {RATED}").args["quality"]
    assert options["prompt"] == [{"role": "user", "content": "Rate {completion}"}]
    assert options["input_outputs"] == {"input": "completion"}
    assert (options["eval_type"], options["asks_for_choice"]) == ("cot_classify", "cot_classify")
    assert "acceptable" not in options


def test_the_rubric_of_a_quality_may_be_named(write: Write) -> None:
    registry = write(
        evals=(
            f"a.dev.v0: {{class: '{GENERATION}', args: {{samples_jsonl: s.jsonl, quality: fun}}}}\n"
            f"b.dev.v0: {{class: '{GENERATION}', args: {{samples_jsonl: s.jsonl, quality:"
            " {modelgraded_spec: fun, acceptable: 0.7, judged: 2, eval_type: classify}}}"
        ),
        modelgraded=(
            "fun: {prompt: '{completion}', eval_type: classify_cot, choice_strings: [a, b],"
            " choice_scores: {a: 1, b: 0}, input_outputs: {input: completion}}"
        ),
    )
    plain = registry.eval("a.dev.v0").args["quality"]
    assert (plain["eval_type"], plain["asks_for_choice"]) == ("classify_cot", None)
    chosen = registry.eval("b.dev.v0").args["quality"]
    assert (chosen["acceptable"], chosen["judged"]) == (0.7, 2)
    assert chosen["asks_for_choice"] == "classify"


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        ("{}", "names no rubric; add 'modelgraded_spec', or a 'prompt'"),
        ("fun", "'fun'"),
        ("{modelgraded_spec: fun, prompt: x}", "has both 'modelgraded_spec' and 'prompt'"),
        ("{prompt: x, choice_strings: [a, b]}", "'choice_scores' is missing"),
        ("{prompt: x, choice_strings: [a, b], judged: 0}", "judged: expected a whole number"),
        ("{prompt: x, choice_strings: [a, b], acceptable: 2}", "acceptable: expected a number"),
        ("{prompt: x, choice_strings: [a, b], metaeval: true}", "a quality has no 'metaeval'"),
        (
            "{prompt: x, choice_strings: [a], choice_scores: {a: 1}, acceptabel: 1}",
            "unknown key 'acceptabel'; did you mean 'acceptable'",
        ),
        (
            "{prompt: x, choice_strings: [a], choice_scores: {a: 1}, input_outputs: {a: b, c: d}}",
            "about one prompt and one completion, found a, c",
        ),
    ],
)
def test_a_quality_that_cannot_be_judged_is_explained(make: Make, quality: str, said: str) -> None:
    with pytest.raises(RegistryError) as error:
        make(GENERATION, f"quality: {quality}")
    assert said in str(error.value)
