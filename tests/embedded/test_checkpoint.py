from pathlib import Path

import numpy as np
import pytest

from harness.embedded.checkpoint import BASE, load, load_base, save
from harness.embedded.network import Network, NetworkConfig
from harness.embedded.tokenizer import Tokenizer

TOKENIZER = Tokenizer([" one", "two", '":'])


def small_network() -> Network:
    return Network.initial(NetworkConfig(TOKENIZER.size, width=8, heads=2, context=6), seed=1)


def test_what_is_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    network = small_network()
    save(tmp_path / "a.npz", TOKENIZER, network)
    tokenizer, loaded = load(tmp_path / "a.npz")
    assert loaded.weights.tobytes() == network.weights.tobytes()
    assert loaded.config == network.config
    assert tokenizer.words == TOKENIZER.words


def test_the_same_network_makes_the_same_file(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save(tmp_path / name, TOKENIZER, small_network())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_base_model_is_small_and_whole() -> None:
    tokenizer, network = load_base()
    assert BASE.stat().st_size < 400_000
    assert network.config.vocabulary == tokenizer.size
    assert network.weights.dtype == np.float32


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04broken"])
def test_another_file_is_named_in_the_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.npz: not a checkpoint"):
        load(path)


def test_a_file_cut_short_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    path.write_bytes(BASE.read_bytes()[:-2000])
    with pytest.raises(ValueError, match="not a checkpoint"):
        load(path)


def test_an_archive_without_weights_is_no_checkpoint(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", words=np.array(["a"]))
    with pytest.raises(ValueError, match="not a checkpoint"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("count", [7, 10**5])
def test_weights_of_the_wrong_size_are_no_checkpoint(tmp_path: Path, count: int) -> None:
    config = np.array([TOKENIZER.size, 8, 2, 2, 6])
    np.savez(tmp_path / "a.npz", words=TOKENIZER.words, config=config, weights=np.zeros(count))
    with pytest.raises(ValueError, match="not a checkpoint"):
        load(tmp_path / "a.npz")


def test_pickled_objects_are_never_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", words=np.array([{}], object), config=[1], weights=[1.0])
    with pytest.raises(ValueError, match="not a checkpoint"):
        load(tmp_path / "a.npz")
