"""A judge's question, its choice, and what the choice is worth."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RegistryError, ServerFailed, UsageError
from harness.graders import Judge, make_grader
from harness.graders.choices import INVALID, choices_for, picked_choice, score_of
from harness.graders.rubrics import filled, scrubbed
from harness.records import Completion, EvalSpec, Request, Sample, Score

YES_NO = {"Yes": 1.0, "No": 0.0, "Unsure": 0.5}


@dataclass
class Scripted:
    """A judge that says what it is told to, and keeps what it was asked."""

    says: str | Exception
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        self.asked.append(request)
        if isinstance(self.says, Exception):
            raise self.says
        return (Completion(self.says),)

    async def __aenter__(self) -> Scripted:
        return self

    async def __aexit__(self, *error: object) -> None: ...


def rubric(**changed: Any) -> EvalSpec:
    args = {
        "prompt": [{"role": "user", "content": "Is {completion} funny for {input}?"}],
        "choice_strings": ["Yes", "No", "Unsure"],
        "choice_scores": YES_NO,
        "input_outputs": {"input": "completion"},
        "eval_type": "cot_classify",
        **changed,
    }
    return EvalSpec("jokes.dev.v0", "model_graded", Path("jokes.jsonl"), args=args)


def graded(
    spec: EvalSpec, says: str | Exception, *texts: str, **fields: Any
) -> tuple[Score, Scripted]:
    judge = Scripted(says)
    grader = make_grader(spec, Judge(judge, "judge"))
    sample = Sample("jokes.dev.0", ({"role": "user", "content": "?"},), metadata=fields)
    parts = tuple(map(Completion, texts))
    completion = Completion("\n".join(texts), parts=parts if len(parts) > 1 else ())
    return asyncio.run(grader.grade(sample, completion)), judge


def test_the_choice_is_the_label_and_its_score_the_mark() -> None:
    score, judge = graded(rubric(), "It is dull.\nUnsure", "a pun", input="a cat")
    assert (score.value, score.label) == (0.5, "Unsure")
    assert score.details == {
        "choice/Yes": 0.0,
        "choice/No": 0.0,
        "choice/Unsure": 1.0,
        f"choice/{INVALID}": 0.0,
    }
    assert score.judged == (Completion("It is dull.\nUnsure"),)
    assert judge.asked[0].messages[0]["content"] == "Is a pun funny for a cat?"


def test_an_unreadable_judgement_scores_like_the_worst_choice() -> None:
    score, _ = graded(rubric(), "Perhaps?", "a pun", input="a cat")
    assert (score.value, score.label) == (0.0, INVALID)


def test_choices_without_scores_are_counted_only() -> None:
    score, _ = graded(rubric(choice_scores=None), "Yes", "a pun", input="a cat")
    assert (score.value, score.label, score.details["choice/Yes"]) == (None, "Yes", 1.0)


def test_the_question_for_a_choice_stands_behind_the_rubric() -> None:
    _, judge = graded(rubric(asks_for_choice="classify"), "Yes", "a pun", input="x")
    text = judge.asked[0].messages[0]["content"]
    assert text.startswith("Is a pun funny for x?\n\nAnswer the question by printing only")
    assert 'from "Yes" or "No" or "Unsure" (' in text


@pytest.mark.parametrize(
    ("eval_type", "choice"), [("classify_cot", "Yes"), ("classify", "Yes"), ("cot_classify", "No")]
)
def test_the_eval_type_says_which_end_holds_the_choice(eval_type: str, choice: str) -> None:
    score, _ = graded(rubric(eval_type=eval_type), "Yes\nbecause...\nNo", "a pun", input="x")
    assert score.label == choice


def test_several_completions_are_numbered_and_chosen_among() -> None:
    spec = rubric(
        prompt=[{"role": "user", "content": "Best of {n}: {completion}"}],
        choice_strings="from_n",
        choice_scores=None,
        output_template="{i}. {output}\n",
        n=3,
    )
    score, judge = graded(spec, "The best is\n2", "one", "two", "three", input="x")
    assert judge.asked[0].messages[0]["content"] == "Best of 3: 1. one\n2. two\n3. three"
    assert (score.label, score.details["choice/2"]) == ("2", 1.0)


def test_completions_of_two_inputs_keep_their_names() -> None:
    spec = rubric(
        prompt=[{"role": "user", "content": "{input1}:{completion1} {input2}:{completion2}"}],
        input_outputs={"input1": "completion1", "input2": "completion2"},
    )
    _, judge = graded(spec, "Yes", "first", "second", input1="a", input2="b")
    assert judge.asked[0].messages[0]["content"] == "a:first b:second"


def test_a_completion_that_the_sample_brings_is_judged_as_it_is() -> None:
    _, judge = graded(rubric(), "Yes", input="x", completion="an old pun")
    assert judge.asked[0].messages[0]["content"] == "Is an old pun funny for x?"


def test_metaeval_compares_the_choice_with_the_known_one() -> None:
    agreed, _ = graded(rubric(metaeval=True), "Yes", input="x", completion="y", choice="Yes")
    differed, _ = graded(rubric(metaeval=True), "No", input="x", completion="y", choice="Yes")
    unknown, _ = graded(rubric(metaeval=True), "No", input="x", completion="y")
    assert agreed.details["metascore"] == 1.0
    assert differed.details["metascore"] == 0.0
    assert unknown.value is None
    assert "no 'choice'" in str(unknown.reason)


def test_conversations_are_shown_as_text() -> None:
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    _, judge = graded(rubric(), "Yes", "a pun", input=talk)
    assert judge.asked[0].messages[0]["content"] == "Is a pun funny for Be brief.\nUser: Hi\n?"


def test_braces_of_an_input_reach_the_judge_doubled_and_those_of_answers_do_not() -> None:
    _, judge = graded(rubric(), "Yes", "{answer}", input="{question}")
    assert judge.asked[0].messages[0]["content"] == "Is {answer} funny for {{question}}?"
    assert scrubbed([{"content": "{x}"}]) == [{"content": "{{x}}"}]


def test_a_name_that_nothing_has_is_no_mark_and_no_call() -> None:
    spec = rubric(prompt=[{"role": "user", "content": "By {criteria}: {completion}"}])
    score, judge = graded(spec, "Yes", "a pun", input="x")
    assert score.value is None
    assert "'criteria'" in str(score.reason)
    assert judge.asked == []


def test_a_silent_judge_is_an_error_and_no_mark() -> None:
    with pytest.raises(ServerFailed):
        graded(rubric(), ServerFailed("503"), "a pun", input="x")


def test_without_a_judge_the_way_to_name_one_is_told() -> None:
    grader = make_grader(rubric())
    sample = Sample("a.b.0", (), metadata={"input": "x"})
    with pytest.raises(UsageError, match="--judge"):
        asyncio.run(grader.grade(sample, Completion("a pun")))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"choice_strings": ["Yes!", "No"]}, "punctuation"),
        ({"choice_strings": ["A", "B"]}, "'A' has no score"),
        ({"choice_scores": "from_strings"}, "needs numbers"),
        ({"match_fn": "like"}, "match_fn"),
        ({"n": 2}, "output_template"),
        ({"prompt": [{"role": "user", "content": "{completion.__class__}"}]}, "only plain names"),
        ({"prompt": [{"role": "user", "content": "{completion:>99999999}"}]}, "only plain names"),
        ({"prompt": [{"role": "user", "content": "{completion"}]}, "not a template"),
        ({"rubbish": 1}, "no rubric can be made"),
    ],
)
def test_a_rubric_that_cannot_work_is_refused_before_anything_is_asked(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(RegistryError, match=message):
        make_grader(rubric(**changed))


def test_choices_by_count() -> None:
    assert choices_for("from_n", 3) == ("1", "2", "3")
    assert choices_for("from_n_abc", 2) == ("a", "b")
    assert choices_for("from_n_ABC", 28)[-2:] == ("A", "B")
    assert choices_for("YN", 1) == ("Y", "N")


def test_choices_are_read_without_punctuation() -> None:
    assert picked_choice('**"Y"**.', ("Y", "N"), "exact", last_first=True) == "Y"
    assert picked_choice("(A) fits", "ABC", "starts_or_endswith", last_first=True) == "A"
    assert picked_choice("\n...\n", ("Y",), "exact", last_first=False) == INVALID


def test_scores_from_the_choices_themselves() -> None:
    assert score_of("4", "12345", "from_strings") == 4.0
    assert score_of(INVALID, "12345", "from_strings") == 1.0


def test_doubled_braces_are_text() -> None:
    assert filled("{{x}} {x}", {"x": 1}) == "{x} 1"
