"""From answers to advice: tracks with planted effects, judged without any model."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.diversity import Corpus, Metric
from harness.analysis.diversity.tokens import FloatArray
from harness.pipeline.judging.judgement import Judge, comparison, evidence_after, peak, unpaired_gap
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.track import Track
from harness.pipeline.measuring.variety import UNMEASURED, Variety
from harness.pipeline.orders.names import probe_name
from harness.pipeline.reporting.documents import section
from harness.records import (
    Checkpoint,
    Completion,
    Estimate,
    EvalSpec,
    Experiment,
    Finding,
    Outcome,
    Sample,
    Sampling,
    Score,
    Task,
    Tuning,
)

NAME, BASE, N = "planted.test.v1", "base", 120
WORDS = [f"word{i}" for i in range(400)]
Shares = dict[float, float]


def samples(prefix: str, count: int = N, ideals: Sequence[str] = ("yes",)) -> dict[str, Sample]:
    ids = [f"{prefix}.{i}" for i in range(count)]
    asked = ({"role": "user", "content": "?"},)
    return {key: Sample(key, asked, tuple(ideals)) for key in ids}


def marked(model: str, asked: dict[str, Sample], share: float, *, probe: bool = False) -> Answers:
    """The first samples are right, so that contrasts between models are paired."""
    answers = Answers(probe_name(NAME) if probe else NAME, model)
    for i, key in enumerate(asked):
        add(answers, key, ["yes"], float(i < round(share * len(asked))))
    return answers


def add(answers: Answers, key: str, texts: Sequence[str], value: float) -> None:
    for repeat, text in enumerate(texts):
        who = (answers.eval, answers.model, key, repeat, "k")
        answers.add(Outcome(*who, Completion(text), {"accuracy": Score(value)}))


def track(
    heldout: Shares, train: Shares, *, seeds: Sequence[int] = (1,), target: float | None = None
) -> Track:
    """A classification track with these shares of right answers by epoch; 0 is the base."""
    held, probe = samples("held"), samples("train")
    epochs = [epoch for epoch in heldout if epoch]
    models = {(epoch, seed): f"e{epoch:g}s{seed}" for epoch in epochs for seed in seeds}
    tables = [marked(BASE, held, heldout[0]), marked(BASE, probe, train[0], probe=True)]
    for (epoch, _), model in models.items():
        tables += [
            marked(model, held, heldout[epoch]),
            marked(model, probe, train[epoch], probe=True),
        ]
    return Track(
        spec=EvalSpec(NAME, "match", Path("none")),
        experiment=Experiment("planted", (NAME,), tuning=Tuning((1,)), target=target),
        base=BASE,
        heldout=held,
        checkpoints=tuple(Checkpoint(m, epoch, seed=seed) for (epoch, seed), m in models.items()),
        answers={(table.eval, table.model): table for table in tables},
        probe=probe,
        training_texts=("yes",) * 200,
    )


def test_one_epoch_of_a_rising_curve_gets_more() -> None:
    advice = Judge(track({0: 0.1, 1: 0.4}, {0: 0.1, 1: 0.45})).advice_after(1)
    assert (advice.rule, advice.recommend) == (5, 2)


def test_training_prompts_that_are_not_learnt_are_named() -> None:
    found = track({0: 0.1, 1: 0.4}, {0: 0.1, 1: 0.95})
    asked = {"role": "user", "content": "what of the last one?"}
    probe = {**found.probe, "train.119": replace(found.probe["train.119"], messages=(asked,))}
    unlearnt = evidence_after(replace(found, probe=probe), 1).unlearnt
    assert len(unlearnt) == 6
    assert "what of the last one?" in unlearnt


def test_a_fitted_curve_is_kept_at_its_earliest_checkpoint() -> None:
    curve = {0: 0.1, 1: 0.4, 3: 1.0, 5: 1.0}
    advice = Judge(track(curve, curve, target=0.9)).advice_after(5)
    assert (advice.rule, advice.recommend) == (22, 0)
    assert advice.checkpoint == "e3s1"


def test_a_heldout_score_that_fell_gets_fewer_and_the_peak() -> None:
    judge = Judge(track({0: 0.1, 2: 0.95, 6: 0.6}, {0: 0.1, 2: 0.97, 6: 1.0}))
    advice = judge.advice_after(6)
    assert (advice.rule, advice.recommend, advice.checkpoint) == (7, -2, "e2s1")


def test_a_wide_gap_on_a_plateau_asks_for_data() -> None:
    judge = Judge(track({0: 0.1, 2: 0.6, 4: 0.6}, {0: 0.1, 2: 1.0, 4: 1.0}))
    assert judge.advice_after(4).rule in (18, 23)
    assert judge.advice_after(4).recommend == 0


def test_a_doubling_is_measured_from_half_the_epochs() -> None:
    curve = {0: 0.1, 1: 0.5, 2: 0.6, 3: 0.8}
    planted = track(curve, curve)
    risen = {e: evidence_after(planted, e).heldout_doubling for e in (1, 2, 3)}
    assert risen[1] is None
    assert [one.value for e in (2, 3) if (one := risen[e])] == pytest.approx([0.1, 0.3])


def test_earlier_checkpoints_stand_against_the_best_so_far() -> None:
    curve = {0: 0.1, 1: 0.5, 2: 0.8, 3: 0.7}
    found = evidence_after(track(curve, curve), 3).standings
    assert [one.epoch for one in found] == [1, 2]
    assert [one.minus_best.value for one in found] == pytest.approx([-0.3, 0.0])


def test_later_checkpoints_are_unknown_to_an_earlier_state() -> None:
    full = track({0: 0.1, 1: 0.4, 3: 0.9}, {0: 0.1, 1: 0.45, 3: 1.0})
    short = track({0: 0.1, 1: 0.4}, {0: 0.1, 1: 0.45})
    assert evidence_after(full, 1) == evidence_after(short, 1)


def test_seeds_of_one_epoch_count_are_pooled_and_dissent_is_named() -> None:
    pair = track({0: 0.1, 1: 0.5}, {0: 0.1, 1: 0.5}, seeds=(1, 2))
    fitted = [marked("e1s2", dict(pair.heldout), 1.0)]
    fitted.append(marked("e1s2", dict(pair.probe), 1.0, probe=True))
    answers = {**pair.answers, **{(table.eval, table.model): table for table in fitted}}
    mixed = Track(
        pair.spec, pair.experiment, BASE, pair.heldout, pair.checkpoints, answers, pair.probe
    )
    advice = Judge(mixed).advice_after(1)
    assert advice.recommend == 2
    assert [voice for voice in advice.dissent if "seed 2" in voice]


def test_a_peak_is_corrected_for_the_checkpoints_it_was_picked_from() -> None:
    few = peak(track({0: 0.1, 1: 0.62, 2: 0.6}, {0: 0.1, 1: 1, 2: 1}), 2, (1,))
    many = track({0: 0.1, 1: 0.62, 2: 0.6, 3: 0.6, 4: 0.6}, dict.fromkeys(range(5), 1.0))
    picked = peak(many, 4, (1, 2, 3))
    assert few is not None
    assert picked is not None
    assert picked.p_value == pytest.approx(min(1.0, 3 * few.p_value))


def test_unanswered_samples_are_excluded_from_a_comparison() -> None:
    curve = {0: 0.5, 1: 0.9}
    planted = track(curve, curve)
    for key in list(planted.heldout)[:7]:
        planted.answers[NAME, "e1s1"].values.pop(key)
    found = comparison(planted, "e1s1")
    assert found is not None
    assert (found.excluded, found.delta.n) == (7, N - 7)
    assert (found.fixed, found.broken) == (48, 0)


def test_the_gap_of_two_intervals_is_newcombes() -> None:
    gap = unpaired_gap(
        Estimate(0.9, 0.8, 0.95, 50, "Wilson"), Estimate(0.7, 0.6, 0.8, 80, "Wilson")
    )
    assert gap is not None
    assert (gap.low, gap.high) == pytest.approx((0.2 - 0.02**0.5, 0.2 + 0.0125**0.5))


def test_a_probe_of_the_whole_training_set_has_no_interval() -> None:
    curve = {0: 0.1, 1: 0.4, 3: 1.0}
    whole = replace(track(curve, curve), training_texts=("yes",) * N)
    found = evidence_after(whole, 3)
    assert found.train_is_whole
    assert found.train is not None
    assert found.train_step is not None
    assert found.train.low == found.train.value == found.train.high == 1.0
    assert found.train_step.low == found.train_step.high


def test_a_training_prompt_without_an_answer_makes_the_train_score_an_estimate() -> None:
    curve = {0: 0.1, 1: 1.0}
    whole = replace(track(curve, curve), training_texts=("yes",) * N)
    whole.answers[probe_name(NAME), "e1s1"].values.popitem()
    found = evidence_after(whole, 1)
    assert not found.train_is_whole
    assert found.train is not None
    assert found.train.low < found.train.value


# --- open tasks ----------------------------------------------------------------------


def sentences(rng: random.Random, words: Sequence[str], count: int = 8) -> list[str]:
    return [" ".join(rng.choice(words) for _ in range(12)) for _ in range(count)]


def repetitive(rng: random.Random, words: Sequence[str], count: int = 8) -> list[str]:
    """Every answer begins with the same half."""
    start = " ".join(rng.choice(words) for _ in range(8))
    return [f"{start} {' '.join(rng.choice(words) for _ in range(4))}" for _ in range(count)]


Writer = Callable[[random.Random, Sequence[str], int], list[str]]


def open_track(writers: dict[float, Writer], base_quality: float = 0.9) -> Track:
    rng = random.Random(1)
    held = {
        key: Sample(key, ({"role": "user", "content": "?"},), tuple(sentences(rng, WORDS)))
        for key in samples("held", 30)
    }
    task: Task = "open"
    tables = [texts_of(BASE, held, sentences, base_quality, rng)]
    for epoch, writer in writers.items():
        tables.append(texts_of(f"e{epoch:g}s1", held, writer, 0.95, rng))
        tables.append(marked(f"e{epoch:g}s1", samples("train"), 1.0, probe=True))
    return Track(
        spec=EvalSpec(NAME, "style", Path("none"), task=task, sampling=Sampling(n=8)),
        experiment=Experiment("planted", (NAME,)),
        base=BASE,
        heldout=held,
        checkpoints=tuple(Checkpoint(f"e{epoch:g}s1", epoch, seed=1) for epoch in writers),
        answers={(table.eval, table.model): table for table in tables},
        probe=samples("train"),
        training_texts=("nothing like it",) * 60,
    )


def texts_of(
    model: str, held: dict[str, Sample], writer: Writer, quality: float, rng: random.Random
) -> Answers:
    answers = Answers(NAME, model)
    for key in held:
        add(answers, key, writer(rng, WORDS, 8), quality)
    return answers


def test_collapse_after_a_diverse_checkpoint_gets_fewer_and_the_earlier_checkpoint() -> None:
    advice = Judge(open_track({2: sentences, 8: repetitive})).advice_after(8)
    assert advice.rule == 10
    assert advice.recommend < 0
    assert advice.checkpoint == "e2s1"


def test_as_diverse_as_the_references_is_no_collapse() -> None:
    judge = Judge(open_track({2: sentences, 8: sentences}))
    assert judge.advice_after(8).rule not in (10, 11, 12, 13, 25)


def test_low_diversity_from_the_first_checkpoint_is_no_epoch_effect() -> None:
    assert Judge(open_track({2: repetitive, 8: repetitive})).advice_after(8).rule == 12


def test_an_incoherent_base_is_no_yardstick() -> None:
    variety = Variety.of(open_track({2: sentences}, base_quality=0.1))
    assert variety is not None
    drop = variety.after(2).drop
    assert drop is not None
    assert drop.to_base is None
    assert drop.to_references is not None


def test_evidence_names_base_references_and_the_checkpoint_before() -> None:
    judge = Judge(open_track({2: sentences, 8: repetitive}))
    drop = evidence_after(judge.track, 8, judge.variety).diversity
    assert drop is not None
    for ratio in (drop.to_base, drop.to_references, drop.to_previous):
        assert ratio is not None
        assert ratio.high < 0.9
    assert drop.significant
    assert [fact.reading for fact in judge.advice_after(8).evidence][1:4] == [
        "against the base model",
        "against the reference answers",
        "against the checkpoint before",
    ]


def test_the_first_checkpoint_has_none_before() -> None:
    variety = Variety.of(open_track({2: sentences}))
    assert variety is not None
    assert set(variety.after(2).comparisons) == {"base", "references"}


def without_references(track: Track) -> Track:
    held = {key: replace(sample, ideal=()) for key, sample in track.heldout.items()}
    return replace(track, heldout=held)


def test_without_references_or_a_coherent_base_the_checkpoint_before_is_the_yardstick() -> None:
    planted = without_references(open_track({2: sentences, 8: repetitive}, base_quality=0.1))
    assert (Judge(planted).advice_after(8).rule, Judge(planted).advice_after(8).confidence) == (
        10,
        "medium",
    )
    level = without_references(open_track({2: sentences, 8: sentences}, base_quality=0.1))
    assert Judge(level).advice_after(8).rule != 10


def test_a_loss_against_the_base_alone_is_advised_on_with_low_confidence() -> None:
    advice = Judge(without_references(open_track({2: repetitive}))).advice_after(2)
    assert (advice.rule, advice.confidence) == (10, "low")


def diversity_findings(track: Track) -> list[Finding]:
    return [finding for finding in section(track).findings if finding.rule == "diversity"]


def test_findings_tell_every_comparison_and_which_loss_would_have_shown() -> None:
    kept, lost = diversity_findings(open_track({2: sentences, 8: repetitive}))
    assert (kept.severity, lost.severity) == ("info", "warn")
    assert "no loss shown against the base model (one of 1" in kept.message
    assert lost.message.startswith("after 8 epochs: less diverse than the base model (")
    assert "less diverse than the reference answers" in lost.message
    assert "less diverse than the checkpoint before (2)" in lost.message
    assert lost.message.endswith("of one training run: another seed may differ as much")
    assert lost.evidence["previous"]["verdict"] == "less diverse"
    assert set(lost.evidence["base"]["across_prompts"]) == {"self_repetition", "distinct_4"}


def test_an_incoherent_base_raises_no_warning() -> None:
    (found,) = diversity_findings(open_track({2: sentences}, base_quality=0.1))
    assert "the base model, which mostly misses the task" in found.message


def test_a_model_of_unknown_epochs_is_told_of_by_its_name() -> None:
    planted = open_track({2: repetitive})
    experiment = Experiment("compare", (NAME,), others=("e2s1",))
    (found,) = diversity_findings(replace(planted, checkpoints=(), experiment=experiment))
    assert found.message.startswith("e2s1: less diverse than the base model")
    assert found.severity == "warn"


def test_too_few_prompts_are_said_to_be_too_few() -> None:
    planted = open_track({2: repetitive})
    few = replace(planted, heldout=dict(list(planted.heldout.items())[:5]))
    (found,) = diversity_findings(few)
    assert "no loss shown against the base model (5 prompts are too few to show any)" in (
        found.message
    )


def test_prompts_about_one_document_count_once() -> None:
    planted = open_track({2: repetitive})
    held = {
        key: replace(sample, cluster=f"document {i // 6}")
        for i, (key, sample) in enumerate(planted.heldout.items())
    }
    (found,) = diversity_findings(replace(planted, heldout=held))
    assert "(5 prompts are too few to show any)" in found.message


def longer(rng: random.Random, words: Sequence[str], count: int = 8) -> list[str]:
    texts = zip(*(sentences(rng, words, count) for _ in range(3)), strict=True)
    return [" ".join(parts)[: rng.randint(120, 200)] for parts in texts]


def test_longer_answers_are_a_finding_of_their_own_and_no_collapse() -> None:
    told = section(open_track({2: longer})).findings
    (length,) = [finding for finding in told if finding.rule == "answer length"]
    assert "words longer than the base model's" in length.message
    assert (
        "100% of the tuned model's answers and 0% of the base's go on beyond that" in length.message
    )
    assert Judge(open_track({2: longer})).advice_after(2).rule not in (10, 11, 12, 13, 25)


def test_embeddings_have_to_confirm_a_loss() -> None:
    def spread(value: float) -> Metric:
        """A stand-in for embeddings that find answers with a common opening so varied."""

        def values(corpus: Corpus) -> FloatArray:
            groups = [corpus.texts[texts] for texts in corpus.prompt_slices()]
            openings = [{text.split()[0] for text in group} for group in groups]
            wobble = np.linspace(0, 0.01, len(groups))
            return np.where([len(o) == 1 for o in openings], value, 0.5) + wobble

        return Metric("cosine", values, kind="semantic")

    planted = open_track({2: repetitive})
    for value, significant in ((0.5, False), (0.2, True)):
        variety = Variety.of(planted, semantic=(spread(value),))
        assert variety is not None
        drop = variety.after(2).drop
        assert drop is not None
        assert drop.significant is significant
        assert variety.fit_for_use(2) is not significant


def test_copied_answers_are_memorisation() -> None:
    planted = open_track({2: sentences})
    varied = planted.answers[NAME, "e2s1"]
    learned = tuple(varied.texts[key][0] + " and so on" for key in planted.heldout)
    copies = Answers(NAME, "e2s1")
    for place, key in enumerate(planted.heldout):
        add(copies, key, [learned[place]] * 2 + varied.texts[key][2:], 0.95)
    memorised = Track(
        planted.spec,
        planted.experiment,
        BASE,
        planted.heldout,
        planted.checkpoints,
        {**planted.answers, (NAME, "e2s1"): copies},
        planted.probe,
        training_texts=learned,
    )
    advice = Judge(memorised).advice_after(2)
    assert (advice.rule, advice.recommend) == (14, -1)


@pytest.mark.parametrize(
    ("writer", "base_quality", "verdict", "than"),
    [
        (repetitive, 0.9, "less", "base"),
        (sentences, 0.9, "level", "base"),
        (repetitive, 0.1, "less", "the references"),
    ],
)
def test_a_comparison_of_an_open_eval_says_what_became_of_diversity(
    writer: Writer, base_quality: float, verdict: str, than: str
) -> None:
    planted = replace(
        open_track({2: writer}, base_quality),
        checkpoints=(),
        experiment=Experiment("compare", (NAME,), others=("e2s1",)),
    )
    told = section(planted)
    (compared,) = (one for one in told.comparisons if one.metric == told.metric)
    assert compared.diversity is not None
    assert (compared.diversity.verdict, compared.diversity.than) == (verdict, than)


def test_single_answers_to_an_open_eval_have_no_measured_diversity() -> None:
    planted = open_track({2: sentences})
    single = replace(planted, spec=replace(planted.spec, sampling=Sampling(n=1)))
    assert section(single).comparisons[0].diversity == UNMEASURED


def test_a_task_with_one_right_answer_has_no_diversity() -> None:
    curve = {0: 0.5, 1: 0.9}
    assert section(track(curve, curve)).comparisons[0].diversity is None
