"""When tuning pays, by what a track's calls took: against a dearer model, or a longer prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

from harness.analysis.breakeven import Terms, Tokens, break_even, call_cost
from harness.analysis.cost import PriceTable, Training, price_of
from harness.datasets import read_training
from harness.messages import prompt_text
from harness.pipeline.finished.read_back import read_tracks
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.judging.judgement import Judge
from harness.pipeline.judging.prompting import OWN, BestPrompt, answers_of
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.scores import difference
from harness.pipeline.measuring.spending import Payers
from harness.pipeline.measuring.track import Track
from harness.pipeline.measuring.training_cost import CHARACTERS_A_TOKEN, priced
from harness.pipeline.orders.alternatives import prompted
from harness.records import Advice, BreakEven, CallCost, Estimate, InsteadOf
from harness.reports import verdicts

MOST_CALLS = 2_000
"""Samples whose tokens are read again; more say nothing new of a mean."""

MEASURED = "measured on held-out samples"
ESTIMATED = f"estimated: {CHARACTERS_A_TOKEN} characters a token"
LIKE_THE_TUNED = (
    "not asked: prompts estimated by their length, answers as long as the tuned model's"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tuned model that would be used, and what its training took."""

    model: str
    epochs: float
    answers: Answers
    training: Training


def break_evens(track: Track, payers: Payers, advice: Sequence[Advice]) -> tuple[BreakEven, ...]:
    """Against the dearer model that the study names, and the base model's best prompt."""
    chosen = _chosen(track, advice)
    if chosen is None:
        return ()
    return tuple(_found(track, payers, chosen))


def break_evens_of(
    path: Path, asked: InsteadOf, prices: Sequence[PriceTable]
) -> list[tuple[BreakEven, Advice | None]]:
    """The same for a run folder, each with the advice that leads there.

    ``asked`` names another dearer model, or none ("").

    Raises:
        RunFolderError: no run folder, or its data files have changed since.
    """
    folder = RunFolder(path)
    manifest = folder.read()
    payers = Payers.of(manifest.study, prices)
    found: list[tuple[BreakEven, Advice | None]] = []
    for track in read_tracks(folder, manifest):
        if track.is_general or not track.epochs:
            continue
        judge = Judge(track)
        advice = [judge.advice_after(epochs) for epochs in track.epochs]
        weighed = break_evens(_asking_instead(priced(track, payers), asked), payers, advice)
        found += [(one, verdicts.leading(advice)) for one in weighed]
    return found


def _asking_instead(track: Track, asked: InsteadOf) -> Track:
    """A track whose study weighs another model, or has other terms."""
    known = track.experiment.instead_of
    if asked.model:
        known = known if known and known.model == asked.model else asked
    if known is not None:
        known = replace(
            known,
            calls_per_day=asked.calls_per_day or known.calls_per_day,
            days=asked.days,
            hosting_usd_per_day=asked.hosting_usd_per_day or known.hosting_usd_per_day,
        )
    return replace(track, experiment=replace(track.experiment, instead_of=known))


def _chosen(track: Track, advice: Sequence[Advice]) -> Chosen | None:
    """The checkpoint to use by the advice that leads."""
    lead = verdicts.leading(advice)
    if lead is None or lead.checkpoint is None or track.training is None or track.is_general:
        return None
    epochs, answers = lead.checkpoint_epoch, track.of(lead.checkpoint)
    if epochs is None or answers is None or not answers.places:
        return None
    return Chosen(lead.checkpoint, epochs, answers, track.training)


def _found(track: Track, payers: Payers, chosen: Chosen) -> Iterator[BreakEven]:
    calls, source = _calls(track, chosen.answers)
    price = payers.price("model", chosen.model)
    tuned = call_cost(chosen.model, OWN, calls, price, source)
    dearer = track.experiment.instead_of
    if dearer is not None:
        other, quality = _dearer(track, payers, dearer, chosen)
        terms = terms_of(chosen.training, chosen.epochs, dearer)
        yield replace(break_even(track.spec.name, tuned, other, terms), quality=quality)
    best = BestPrompt.of(track)
    answers = answers_of(track, best.name) if best is not None and not best.is_own else None
    if best is not None and answers is not None:
        spent, how = _calls(track, answers)
        base = call_cost(track.base, best.name, spent, payers.price("model", track.base), how)
        gain = best.gain_of(chosen.answers.by_prompt)
        found = break_even(
            track.spec.name, tuned, base, terms_of(chosen.training, chosen.epochs, dearer)
        )
        yield replace(found, quality=gain[0] if gain else None)


def terms_of(training: Training, epochs: float, asked: InsteadOf | None) -> Terms:
    """What is paid once and by day; without a word on it, training is paid back in 30 days."""
    terms = Terms(training.tokens_per_epoch * epochs, epochs, training.cost_usd(epochs))
    if asked is None:
        return terms
    return replace(
        terms,
        days=asked.days,
        hosting_usd_per_day=asked.hosting_usd_per_day,
        calls_per_day=asked.calls_per_day,
    )


def _dearer(
    track: Track, payers: Payers, dearer: InsteadOf, chosen: Chosen
) -> tuple[CallCost, Estimate | None]:
    """What a call of the dearer model takes, and how much better the tuned model is."""
    answers = track.prompted(dearer.model, dearer.prompt.name) if dearer.ask else None
    if answers is not None and answers.places:
        calls, source = _calls(track, answers)
        price = payers.price("model", dearer.model)
        compared = difference(chosen.answers.by_prompt, answers.by_prompt, track.heldout)
        quality = compared[0] if compared else None
        return call_cost(dearer.model, dearer.prompt.name, calls, price, source), quality
    price = price_of(dearer.model, payers.prices)
    calls = _as_if_asked(track, dearer, chosen.answers)
    return call_cost(dearer.model, dearer.prompt.name, calls, price, LIKE_THE_TUNED), None


def _as_if_asked(track: Track, dearer: InsteadOf, tuned: Answers) -> list[Tokens]:
    """The tuned model's tokens, with prompts as much longer as the dearer model's are."""
    data = track.experiment.training_data
    examples = read_training(data) if dearer.prompt.few_shot and data else []
    aside = prompted(dearer.model, dearer.prompt, examples)
    shots = len(prompt_text(aside.shots)) if aside.shots else 0
    longer = mean(
        len(prompt_text(aside.asked(sample).messages)) - len(prompt_text(sample.messages)) + shots
        for sample in track.heldout.values()
    )
    return [
        (max(0.0, prompt + longer / CHARACTERS_A_TOKEN), answer)
        for prompt, answer in _calls(track, tuned)[0]
    ]


def _calls(track: Track, answers: Answers) -> tuple[list[Tokens], str]:
    """The tokens of a call for each sample, as the server counted them or else by length."""
    keys = [key for key in answers.places if key in track.heldout][:MOST_CALLS]
    found = []
    for key in keys:
        usages = answers.usages[key]
        if not usages:
            break
        calls = track.spec.repeats
        found.append(
            (
                sum(one.prompt_tokens for one in usages) / calls,
                sum(one.completion_tokens for one in usages) / calls,
            )
        )
    if found and len(found) == len(keys):
        return found, MEASURED
    return [
        (
            len(prompt_text(track.heldout[key].messages)) / CHARACTERS_A_TOKEN,
            sum(map(len, answers.texts[key])) / CHARACTERS_A_TOKEN / track.spec.repeats,
        )
        for key in keys
    ], ESTIMATED
