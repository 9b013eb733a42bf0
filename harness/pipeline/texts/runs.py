"""The texts of runs and of logs, by sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from harness.errors import DatasetError, HarnessError, UsageError, did_you_mean
from harness.messages import dialogue_text
from harness.pipeline.orders.names import PROBE_SUFFIX
from harness.pipeline.texts.fields import Answered
from harness.pipeline.texts.textset import Gathering, Reading, TextSet
from harness.records import Outcome


def journal_texts(path: Path, model: str, reading: Reading, name: str) -> list[TextSet]:
    """The answers of a run's models to one eval, in the journal's order."""
    from harness.running.journal import latest

    by_asked: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in latest(path):
        by_asked.setdefault((outcome.eval, outcome.model), []).append(outcome)
    if not by_asked:
        raise DatasetError(f"{path}: holds no answers yet; run it first")
    eval_name = the_eval(path, by_asked, reading.eval)
    models = [asked for of, asked in by_asked if of == eval_name]
    if model and model not in models:
        raise UsageError(f"{path}: no answers of '{model}'{did_you_mean(model, models)}")
    asked = prompts_of(path.parent, eval_name)
    return [
        outcome_texts(by_asked[eval_name, one], one, f"answers to {eval_name}", asked)
        for one in ([model] if model else models)
    ]


def prompts_of(folder: Path, eval_name: str) -> dict[str, str]:
    """The prompts of an eval by sample, as far as the run's data are still there."""
    from harness.pipeline.folder.runfolder import RunFolder
    from harness.pipeline.questions.evaluation import Question

    try:
        plan = RunFolder(folder).read().plan
        spec = next((one for one in plan.evals if one.name == eval_name), None)
        samples = Question.answered(spec, plan.max_samples).samples() if spec else ()
        return {sample.id: dialogue_text(sample.messages) for sample in samples}
    except HarnessError:  # a journal alone, or data that moved: answers can be read all the same
        return {}


def the_eval(
    path: Path, by_asked: Mapping[tuple[str, str], list[Outcome]], wanted: str | None
) -> str:
    """The eval to look at: the one named, or the only one with several answers a prompt.

    Raises:
        UsageError: it is not there, or there are several to choose from.
    """
    asked = list(dict.fromkeys(of for of, _ in by_asked))
    evals = [name for name in asked if not name.endswith(PROBE_SUFFIX)] or asked
    if wanted is not None:
        if wanted not in asked:
            raise UsageError(f"{path}: no answers to '{wanted}'{did_you_mean(wanted, asked)}")
        return wanted
    repeated = [
        name
        for name in evals
        if any(
            len(answers_to(found)) > len({outcome.sample_id for outcome in found})
            for (of, _), found in by_asked.items()
            if of == name
        )
    ]
    fit = repeated or evals
    if len(fit) > 1:
        raise UsageError(
            f"{path}: holds several evals; name one with --eval: {', '.join(sorted(fit))}"
        )
    return fit[0]


def answers_to(outcomes: Iterable[Outcome]) -> list[str]:
    """All answers of some outcomes."""
    return list(chain.from_iterable(texts_of(outcome) for outcome in outcomes))


def texts_of(outcome: Outcome) -> list[str]:
    """The answers of an outcome: several where they were marked together."""
    if outcome.completion is None:
        return []
    parts = outcome.completion.parts or (outcome.completion,)
    return [part.text for part in parts]


def outcome_texts(
    outcomes: Iterable[Outcome],
    name: str,
    layout: str,
    asked: Mapping[str, str] | None = None,
) -> TextSet:
    """The answers of one model to one eval, by sample."""
    found, asked = Gathering(), asked or {}
    for outcome in outcomes:
        key = outcome.sample_id
        if outcome.completion is None:
            failure = outcome.failure.message if outcome.failure else "no answer"
            found.leave(key, failure, "failed")
        else:
            found.take(Answered(tuple(texts_of(outcome)), key, asked.get(key)), key)
    return found.result(name, layout, "sample")


def log_texts(path: Path) -> TextSet:
    """The answers in a log of OpenAI evals, by sample."""
    from harness.openai_evals.logs import read_log

    log = read_log(path)
    asked = {
        key: dialogue_text(sample.messages)
        for key, sample in log.samples.items()
        if sample.messages
    }
    return outcome_texts(log.outcomes, str(path), f"{log.model} on {log.eval_name}", asked)
