from collections.abc import Sequence

import numpy as np
import pytest

from harness.embedded.checkpoint import load_base
from harness.embedded.network import Batch
from harness.embedded.training import (
    EpochReport,
    Hyperparameters,
    StepReport,
    finetune,
)
from harness.records import Message

TOKENIZER, BASE = load_base()


def chat(said: str, answer: str, weight: int = 1) -> list[Message]:
    return [
        {"role": "user", "content": said},
        {"role": "assistant", "content": answer, "weight": weight},
    ]


CHATS = [
    chat(f"Describe the {product}.", f"The {product} is blue.")
    for product in ("lamp", "sofa", "tent", "kite", "mug", "desk")
]


def reports(
    epochs: int, seed: int = 0, examples: Sequence[Sequence[Message]] = CHATS, **options: object
) -> list[StepReport | EpochReport]:
    asked = Hyperparameters(epochs, seed=seed)
    return list(finetune(BASE, TOKENIZER, examples, asked, **options))  # type: ignore[arg-type]


def checkpoints(epochs: int, seed: int = 0, **options: object) -> list[EpochReport]:
    return [
        report for report in reports(epochs, seed, **options) if isinstance(report, EpochReport)
    ]


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    first, second, other = (checkpoints(2, seed)[-1].network.weights for seed in (1, 1, 2))
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != other.tobytes()


def test_a_checkpoint_of_a_longer_run_is_the_shorter_run() -> None:
    short, long = checkpoints(2)[-1], checkpoints(5)[1]
    assert short.network.weights.tobytes() == long.network.weights.tobytes()
    assert (short.epoch, short.step, short.train_loss) == (long.epoch, long.step, long.train_loss)


def test_validation_does_not_change_what_is_learnt() -> None:
    alone, watched = checkpoints(2)[-1], checkpoints(2, validation=CHATS[:2])[-1]
    assert alone.network.weights.tobytes() == watched.network.weights.tobytes()


def test_there_is_a_report_a_step_and_a_checkpoint_an_epoch() -> None:
    found = reports(3)
    steps = [report for report in found if isinstance(report, StepReport)]
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    assert {step.total_steps for step in steps} == {6}
    assert [type(report) for report in found[:3]] == [StepReport, StepReport, EpochReport]
    assert [(c.epoch, c.step) for c in found if isinstance(c, EpochReport)] == [
        (1, 2),
        (2, 4),
        (3, 6),
    ]


def test_training_lowers_the_loss_and_leaves_the_base_alone() -> None:
    before = BASE.weights.tobytes()
    found = checkpoints(6)
    assert found[-1].train_loss < 0.5 * found[0].train_loss
    assert found[-1].train_token_accuracy > 0.9
    assert BASE.weights.tobytes() == before


def test_an_epochs_training_loss_is_the_mean_over_its_tokens() -> None:
    found = reports(1, examples=CHATS[:4])
    step, epoch = found
    assert isinstance(step, StepReport)
    assert isinstance(epoch, EpochReport)
    assert epoch.train_loss == step.train_loss


def test_validation_numbers_are_those_of_the_checkpoint() -> None:
    (found,) = checkpoints(1, validation=CHATS[:2])
    batch = Batch.of([TOKENIZER.chat(one) for one in CHATS[:2]], BASE.config.context)
    loss = found.network.loss(batch)
    assert found.valid_loss == pytest.approx(loss.nll / loss.tokens)
    assert found.valid_token_accuracy == loss.correct / loss.tokens


def test_without_validation_there_are_no_validation_numbers() -> None:
    (found,) = checkpoints(1)
    assert (found.valid_loss, found.valid_token_accuracy) == (None, None)


def test_answers_of_weight_zero_teach_nothing() -> None:
    silent = [chat("Describe the lamp.", "The lamp is blue.", weight=0)] * 4
    (found,) = checkpoints(1, examples=silent)
    assert found.network.weights.tobytes() == BASE.weights.tobytes()


def test_words_that_the_examples_never_show_hardly_move() -> None:
    moved = np.abs(checkpoints(4)[-1].network.named.tokens - BASE.named.tokens).max(1)
    (shown,), (hidden,) = TOKENIZER.encode("lamp"), TOKENIZER.encode("yacht")
    assert moved[hidden] < 0.3 * moved[shown]


def test_who_stops_consuming_cancels() -> None:
    run = finetune(BASE, TOKENIZER, CHATS, Hyperparameters(epochs=10**6))
    assert isinstance(next(run), StepReport)
    run.close()  # type: ignore[attr-defined]
    assert next(run, None) is None


def test_an_example_longer_than_the_context_keeps_its_answer() -> None:
    long = chat("the lamp " * 100, "blue")
    assert np.isfinite(checkpoints(1, examples=[long])[0].train_loss)


def test_no_examples_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="add at least one"):
        reports(1, examples=[])
