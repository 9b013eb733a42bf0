"""The mark of an open task: form first, then the judge; and who is not judged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RegistryError, ServerFailed, UsageError
from harness.graders import (
    Judge,
    is_judged,
    make_grader,
    needs_judge,
    of_repeat,
    probe_grader,
)
from harness.graders.generation import Generation
from harness.models.base import AlwaysOpen
from harness.records import Completion, EvalSpec, Request, Sample, Score

QUALITY = {
    "prompt": [{"role": "user", "content": "How good is {completion} for {input}?"}],
    "choice_strings": ["1", "3", "5"],
    "choice_scores": "from_strings",
    "input_outputs": {"input": "completion"},
    "eval_type": "classify",
}


@dataclass(eq=False)
class Scripted(AlwaysOpen):
    """A judge that says what it is told to, and keeps what it was asked."""

    says: str | Exception
    asked: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> tuple[Completion, ...]:
        self.asked.append(request)
        if isinstance(self.says, Exception):
            raise self.says
        return (Completion(self.says),)


def spec(**quality: Any) -> EvalSpec:
    args = {"pattern": "[A-Z].*!", "quality": {**QUALITY, **quality}}
    return EvalSpec("slogans.dev.v0", "generation", Path("s.jsonl"), task="open", args=args)


def graded(
    eval: EvalSpec, says: str | Exception, text: str, repeat: int = 0
) -> tuple[Score, Scripted]:
    judge = Scripted(says)
    grader = of_repeat(make_grader(eval, Judge(judge, "judge")), repeat)
    sample = Sample("slogans.dev.0", ({"role": "user", "content": "A slogan for tea."},), ("x",))
    return asyncio.run(grader.grade(sample, Completion(text))), judge


def test_the_judges_score_is_the_mark_from_its_worst_to_its_best_choice() -> None:
    score, judge = graded(spec(), "3", "Drink tea!")
    assert (score.value, score.label) == (0.5, "3")
    assert score.details == {"format": 1.0, "good": 1.0}
    assert score.judged == (Completion("3"),)
    assert judge.asked[0].messages[0]["content"] == "How good is Drink tea! for A slogan for tea.?"


def test_scores_within_0_and_1_stay_as_they_are() -> None:
    scores = {"1": 0.2, "3": 0.4, "5": 0.9}
    assert graded(spec(choice_scores=scores), "5", "Drink tea!")[0].value == 0.9
    assert graded(spec(choice_scores=scores), "1", "Drink tea!")[0].value == 0.2


def test_an_answer_that_breaks_the_form_is_worth_nothing_and_not_judged() -> None:
    score, judge = graded(spec(), "5", "drink tea")
    assert (score.value, score.details) == (0.0, {"format": 0.0, "good": 0.0})
    assert not judge.asked


def test_an_answer_that_the_judge_dislikes_is_not_good() -> None:
    assert graded(spec(), "1", "Drink tea!")[0].details["good"] == 0.0
    assert graded(spec(acceptable=0.6), "3", "Drink tea!")[0].details["good"] == 0.0
    assert graded(spec(acceptable=0.6), "5", "Drink tea!")[0].details["good"] == 1.0


def test_a_judgement_without_a_choice_gives_no_mark_at_all() -> None:
    score, _ = graded(spec(), "Hmm.", "Drink tea!")
    assert (score.value, score.reason) == (None, "no choice in the judgement")
    assert not score.details
    assert score.judged


def test_a_judge_that_fails_is_a_failure_not_a_bad_answer() -> None:
    with pytest.raises(ServerFailed):
        graded(spec(), ServerFailed("503"), "Drink tea!")


def test_only_the_first_answers_are_shown_to_the_judge_whatever_their_form() -> None:
    one = spec(judged=2)
    for text in ("Drink tea!", "drink tea"):
        score, judge = graded(one, "5", text, repeat=2)
        assert score.value is None
        assert score.details == {"format": float(text == "Drink tea!")}
        assert not judge.asked
    assert graded(one, "5", "Drink tea!", repeat=1)[0].value == 1.0
    grader = make_grader(one)
    assert [is_judged(grader, repeat) for repeat in range(4)] == [True, True, False, False]


def test_without_a_quality_nobody_is_asked_and_the_form_is_the_mark() -> None:
    plain = EvalSpec("s.dev.v0", "generation", Path("s"), task="open", args={"max_words": 2})
    assert not needs_judge(plain)
    assert needs_judge(spec())
    assert graded(plain, "5", "Drink tea!")[0] == Score(1.0)
    assert graded(plain, "5", "Drink more tea!")[0].value == 0.0
    assert graded(plain, "5", " \n")[0] == Score(0.0, reason="says nothing")


def test_training_prompts_are_marked_by_their_form_where_there_are_rules() -> None:
    grader = make_grader(spec(), Judge(Scripted("5"), "judge"))
    probe = probe_grader(grader)
    assert isinstance(probe, Generation)
    assert probe.quality is None
    free = EvalSpec("s.dev.v0", "generation", Path("s"), args={"quality": QUALITY})
    assert probe_grader(made := make_grader(free)) is made


def test_without_a_judge_the_message_says_how_to_name_one() -> None:
    grader = make_grader(spec())
    sample = Sample("s.dev.0", ({"role": "user", "content": "?"},))
    with pytest.raises(UsageError, match="--judge"):
        asyncio.run(grader.grade(sample, Completion("Drink tea!")))


def test_wrong_options_are_named_with_their_place() -> None:
    with pytest.raises(RegistryError, match="grader 'generation' has no option 'patern'"):
        make_grader(EvalSpec("s.dev.v0", "generation", Path("s"), args={"patern": "x"}))
    with pytest.raises(RegistryError, match="max_words: expected a whole number"):
        make_grader(EvalSpec("s.dev.v0", "generation", Path("s"), args={"max_words": "x"}))
    with pytest.raises(RegistryError, match="quality: choice_scores: every choice is worth"):
        make_grader(spec(choice_scores={"1": 1.0, "3": 1.0, "5": 1.0}))


def test_a_rubric_may_look_at_the_references_and_at_fields_of_the_sample() -> None:
    prompt = [{"role": "user", "content": "{topic} {ideal} {product} {text}"}]
    one = spec(prompt=prompt, input_outputs={"topic": "text"})
    judge = Scripted("5")
    grader = make_grader(one, Judge(judge, "judge"))
    asked = ({"role": "user", "content": "A slogan."},)
    sample = Sample("s.dev.0", asked, ("One!", "Two!"), metadata={"product": "tea"})
    asyncio.run(grader.grade(sample, Completion("Drink {tea}!")))
    content = judge.asked[0].messages[0]["content"]
    assert content == "A slogan. One!\nTwo! tea Drink {tea}!"
