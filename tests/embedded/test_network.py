import numpy as np
import pytest

from harness.embedded.network import Batch, Network, NetworkConfig, weight_count

SMALL = NetworkConfig(vocabulary=11, width=8, layers=2, heads=2, context=6)


def small_network() -> Network:
    """In float64, with every weight away from its initial value."""
    random = np.random.default_rng(0)
    start = Network.initial(SMALL, seed=0).weights.astype(np.float64)
    return Network(SMALL, start + random.normal(0, 0.1, start.shape))


def small_batch() -> Batch:
    random = np.random.default_rng(1)
    ids = random.integers(0, SMALL.vocabulary, (2, 3, 5))
    return Batch(ids[0], ids[1], random.random((3, 5)) < 0.7)


def test_the_gradient_of_every_weight_agrees_with_differences() -> None:
    network, batch, step = small_network(), small_batch(), 3e-6
    loss, gradient = network.loss_and_gradient(batch)
    measured = np.empty_like(gradient)
    for place, weight in enumerate(network.weights):
        around = []
        for moved in (weight + step, weight - step):
            network.weights[place] = moved
            around.append(network.loss(batch).nll / loss.tokens)
        network.weights[place] = weight
        measured[place] = (around[0] - around[1]) / (2 * step)
    assert np.abs(measured - gradient).max() < 1e-7


def test_the_loss_is_the_same_with_and_without_its_gradient() -> None:
    network, batch = small_network(), small_batch()
    assert network.loss(batch) == network.loss_and_gradient(batch)[0]


def test_no_token_sees_a_later_one() -> None:
    network, batch = small_network(), small_batch()
    changed = batch.inputs.copy()
    changed[:, -1] = (changed[:, -1] + 1) % SMALL.vocabulary
    earlier = batch.scored.copy()
    earlier[:, -1] = False
    before = network.loss(Batch(batch.inputs, batch.targets, earlier))
    assert network.loss(Batch(changed, batch.targets, earlier)).nll == pytest.approx(before.nll)


def test_padding_does_not_change_a_loss() -> None:
    network = small_network()
    short, long = ([1, 2, 3], [0, 1, 1]), ([4, 5, 6, 7, 8], [0, 1, 1, 1, 1])
    alone = [network.loss(Batch.of([chat], SMALL.context)).nll for chat in (short, long)]
    together = network.loss(Batch.of([short, long], SMALL.context))
    assert together.nll == pytest.approx(sum(alone))
    assert together.tokens == 6


def test_a_long_chat_loses_its_start_and_keeps_its_answer() -> None:
    ids = list(range(1, 11))
    batch = Batch.of([(ids, [0] * 9 + [1])], context=6)
    assert batch.inputs.tolist() == [[4, 5, 6, 7, 8, 9]]
    assert batch.targets[batch.scored].tolist() == [10]


@pytest.mark.parametrize("chat", [([], []), ([3], [1])])
def test_a_chat_with_nothing_to_predict_costs_nothing(chat: tuple[list[int], list[int]]) -> None:
    loss, gradient = small_network().loss_and_gradient(Batch.of([chat], SMALL.context))
    assert (loss.nll, loss.tokens) == (0, 0)
    assert not gradient.any()


def test_an_impossible_token_has_a_finite_loss() -> None:
    network = small_network()
    network.named.tokens[...] *= 1e4
    assert np.isfinite(network.loss(small_batch()).nll)


def test_a_copy_has_its_own_weights() -> None:
    network = small_network()
    copied = network.copy()
    copied.weights[:] = 0
    assert network.weights.any()
    assert not copied.named.tokens.any()


def test_the_same_seed_gives_the_same_start() -> None:
    first, second, other = (Network.initial(SMALL, seed).weights for seed in (1, 1, 2))
    assert first.tobytes() == second.tobytes() != other.tobytes()
    assert len(first) == weight_count(SMALL)
