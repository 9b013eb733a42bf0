"""Judged evals held against the reference package's own functions on generated texts."""

from __future__ import annotations

import importlib
import string
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import RegistryError
from harness.graders.choices import COUNTED, INVALID, MATCHES, choices_for, picked_choice, score_of
from harness.graders.model_graded import ModelGraded
from harness.graders.rubrics import ANSWER_PROMPTS, filled, filled_messages, scrubbed
from harness.messages import dialogue_text, prompt_text
from harness.records import Completion, Sample

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:The 'warn' function is deprecated"),
]

steady = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)

EVAL_TYPES = st.sampled_from(sorted(ANSWER_PROMPTS))
MATCH_NAMES = st.sampled_from(sorted(MATCHES))
CHOICE_LISTS = st.sampled_from(
    ["YN", "ABCDE", "12345", ("Yes", "No", "Unsure"), ("はい", "İ", "ß")]
)
CHOICE_LISTS |= st.lists(st.text(max_size=3), min_size=1, max_size=4).map(tuple)
BREAKS = st.sampled_from(["\n", "\r\n", "\r", "\u2028", "\x0b", "\x1c", "\x85", "\n\n", " "])
PIECES = st.sampled_from(
    [*"ABCYN12", "Yes", "No", "no", "Unsure", "はい", "İ", "ß", "(A)", '"Y"', "**B**", "A.", "The "]
)
JUDGEMENTS = st.lists(PIECES | BREAKS | st.text(max_size=4), max_size=8).map("".join)
ANY_TEXT = st.text(max_size=12) | st.text("{}[]!:.<>0ab \n", max_size=12) | JUDGEMENTS


@pytest.fixture(scope="module")
def theirs(reference: ModuleType) -> Any:
    return importlib.import_module("evals.elsuite.modelgraded.classify_utils")


@pytest.fixture(scope="module")
def utils(reference: ModuleType) -> Any:
    return importlib.import_module("evals.elsuite.utils")


@pytest.fixture(scope="module")
def prompts(reference: ModuleType) -> Any:
    return importlib.import_module("evals.prompt.base")


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a function returns, or REFUSED where it raises one of the errors of bad input."""
    try:
        return function(*args, **kwargs)
    except (RegistryError, AssertionError, LookupError, ValueError, AttributeError, TypeError):
        return REFUSED


REFUSED = object()


# --- reading a judgement -------------------------------------------------------------


@steady
@given(text=JUDGEMENTS | ANY_TEXT, choices=CHOICE_LISTS, kind=EVAL_TYPES, match=MATCH_NAMES)
def test_the_choice_picked(
    theirs: Any, text: str, choices: str | tuple[str, ...], kind: str, match: str
) -> None:
    ours = picked_choice(text, choices, match, last_first=kind.startswith("cot_classify"))
    assert ours == theirs.get_choice(text, kind, match, choices)


@steady
@given(declared=CHOICE_LISTS | st.sampled_from(sorted(COUNTED)), n=st.integers(0, 60))
def test_the_choices_offered(theirs: Any, declared: str | tuple[str, ...], n: int) -> None:
    there = outcome(theirs.get_choice_strings, declared, n=n)
    ours = outcome(choices_for, declared, n)
    assert (ours is REFUSED) == (there is REFUSED)
    assert ours is REFUSED or list(ours) == list(there)


NUMBERS = st.lists(
    st.sampled_from(["1", "2.5", "-3", "1e3", "４", "x", ""]), min_size=1, max_size=3
)


@steady
@given(data=st.data(), choices=NUMBERS, invalid=st.booleans())
def test_the_score_of_a_choice(
    theirs: Any, data: st.DataObject, choices: list[str], invalid: bool
) -> None:
    tables = st.dictionaries(st.sampled_from([*choices, "else"]), st.floats(-9, 9), min_size=1)
    scores = data.draw(st.none() | st.just("from_strings") | tables)
    choice = INVALID if invalid else choices[0]
    there = outcome(theirs.get_choice_score, choice, choices, scores)
    assert outcome(score_of, choice, choices, scores) == there


# --- asking for one ------------------------------------------------------------------

MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "toolBox"]),
            "content": ANY_TEXT,
        },
        optional={"name": st.sampled_from(["example_user", "example_assistant", "ÉMILE", "x"])},
    ),
    max_size=4,
)


@steady
@given(messages=MESSAGES)
def test_a_conversation_as_one_text(prompts: Any, messages: list[Mapping[str, str]]) -> None:
    there = prompts.chat_prompt_to_text_prompt
    assert dialogue_text(messages) == there(messages, for_completion=False)
    if messages:
        assert prompt_text(messages) == there(messages)


@steady
@given(messages=MESSAGES, text=ANY_TEXT)
def test_braces_of_inputs_are_doubled_alike(
    utils: Any, messages: list[dict[str, str]], text: str
) -> None:
    assert scrubbed(text) == utils.scrub_formatting_from_prompt(text)
    ours = scrubbed(messages)
    assert ours == utils.scrub_formatting_from_prompt([dict(one) for one in messages])


NAMES = st.sampled_from(["input", "completion", "ideal", "n", "größe", "missing"])
FIELDS = NAMES.map("{{{}}}".format)
TEMPLATES = st.lists(FIELDS | ANY_TEXT.map(lambda t: t.replace("{", "{{").replace("}", "}}")))
WILD_FIELDS = [
    *("{input}", "{", "}", "{}", "{0}", "{{", "}}", "{ input}", "{n!s:}", "{größe:}"),
    *("{input.x}", "{input[0]}", "{input!r}", "{input:>9}", "{input:{n}}"),
]
WILD_TEMPLATES = st.lists(st.sampled_from(WILD_FIELDS) | ANY_TEXT, max_size=4)
VALUES: st.SearchStrategy[Any] = (
    ANY_TEXT | st.integers() | st.none() | MESSAGES | st.dictionaries(ANY_TEXT, ANY_TEXT)
)
KWARGS = st.dictionaries(st.sampled_from(["input", "completion", "ideal", "größe", "x"]), VALUES)


@pytest.fixture(scope="module")
def rendered(utils: Any) -> Callable[[Any, Mapping[str, Any]], Any]:
    """What the reference's PromptFn sends to a model for a template."""

    class Answer:
        def get_completions(self) -> list[str]:
            return [""]

    def render(prompt: Any, values: Mapping[str, Any]) -> Any:
        asked = utils.PromptFn(prompt, completion_fn=lambda **_: Answer(), max_tokens=1)
        return asked(**values)[1]

    return render


@steady
@given(pieces=TEMPLATES, values=KWARGS)
def test_templates_of_plain_names_are_filled_alike(
    rendered: Callable[..., Any], pieces: list[str], values: dict[str, Any]
) -> None:
    template = "".join(pieces)
    message = {"role": "user", "content": template}
    assert outcome(filled, template, values) == outcome(rendered, template, values)
    there = outcome(rendered, [message], values)
    ours = outcome(filled_messages, [message], values)
    assert ours is there or list(ours) == there


@steady
@given(pieces=WILD_TEMPLATES, values=KWARGS)
def test_any_other_template_is_filled_alike_or_refused(
    rendered: Callable[..., Any], pieces: list[str], values: dict[str, Any]
) -> None:
    template = "".join(pieces)
    ours = outcome(filled, template, values)
    assert ours is REFUSED or ours == outcome(rendered, template, values)


# --- question and verdict together ---------------------------------------------------

RUBRICS = st.sampled_from(["{input}: {completion}? {ideal}", "{completion}", "{n} {{x}} {input}"])


class Asked:
    """A completion function of the reference: it keeps what it is asked."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.prompt: Any = None
        self.parameters: dict[str, Any] = {}

    def __call__(self, prompt: Any, **parameters: Any) -> Asked:
        self.prompt, self.parameters = prompt, parameters
        return self

    def get_completions(self) -> list[str]:
        return [self.answer]


@steady
@given(
    rubric=RUBRICS,
    asked_as=EVAL_TYPES,
    match=MATCH_NAMES,
    texts=st.lists(ANY_TEXT, min_size=1, max_size=3),
    line=st.fixed_dictionaries({"input": ANY_TEXT | MESSAGES, "ideal": ANY_TEXT}),
    answer=JUDGEMENTS,
)
def test_question_and_verdict_of_several_completions(
    theirs: Any,
    rubric: str,
    asked_as: str,
    match: str,
    texts: list[str],
    line: dict[str, Any],
    answer: str,
) -> None:
    n, template = len(texts), "{i}. {i_abc}/{i_ABC} of {n}: {output}\n"
    ours = ModelGraded(
        prompt=({"role": "user", "content": rubric},),
        choice_strings="from_n_abc",
        input_outputs={"input": "completion"},
        eval_type=asked_as,
        asks_for_choice=asked_as,
        match_fn=match,
        output_template=template,
        n=n,
    )
    parts = tuple(Completion(text) for text in texts) if n > 1 else ()
    completion = Completion("".join(texts), parts=parts)
    sample = Sample("a.b.0", ({"role": "user", "content": "?"},), metadata=line)

    module = importlib.import_module("evals.elsuite.modelgraded.base")
    spec = module.ModelGradedSpec(rubric, "from_n_abc", {"input": "completion"})
    shown = theirs.concat_n_completions(texts, template) if n > 1 else texts[0]
    judge = Asked(answer)
    values = {**line, "input": scrubbed(line["input"]), "completion": shown}
    choice, _ = theirs.classify(spec, judge, {"max_tokens": 5}, values, asked_as, n, match)

    assert list(ours.question(sample, completion)) == judge.prompt
    assert ours.read(sample, completion, Completion(answer)).label == choice


def test_judges_are_asked_with_the_same_sampling_parameters(utils: Any) -> None:
    judge = Asked("A")
    utils.PromptFn("?", completion_fn=judge, max_tokens=1024)()
    ours = ModelGraded.sampling
    assert judge.parameters == {
        "max_tokens": ours.max_tokens,
        "temperature": ours.temperature,
        "top_p": ours.top_p,
        "frequency_penalty": ours.frequency_penalty,
        "presence_penalty": ours.presence_penalty,
        "n": ours.n,
    }


def test_the_questions_for_a_choice_are_word_for_word_the_same(theirs: Any) -> None:
    assert dict(ANSWER_PROMPTS) == theirs.ANSWER_PROMPTS


def test_every_punctuation_mark_is_removed_and_no_other(theirs: Any) -> None:
    for mark in (*string.punctuation, "。", "«", "–", "٪"):
        text = f"{mark}A{mark}"
        ours = picked_choice(text, "A", "exact", last_first=False)
        assert ours == ("A" if mark in string.punctuation else INVALID)
        assert ours == theirs.get_choice(text, "classify", "exact", "A")
