from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import RegistryError
from harness.records import Checkpoint, Embeddings, Experiment, Tuning
from harness.registry import Registry

Write = Callable[..., Registry]
Study = Callable[[str], Registry]

EVALS = """
orders.heldout.v1: {class: 'evals.elsuite.basic.match:Match', args: {samples_jsonl: s.jsonl}}
"""
DEMO = """
demo:
  description: Two tasks
  provider: embedded
  base: tiny-base
  experiments:
    orders:
      training_data: s.jsonl
      evals: [orders.heldout.v1]
      tune: {epochs: [1, 2, 3], seeds: [1, 2], batch_size: 4, learning_rate_multiplier: 1.5}
      target: .9
      train_probe: 100
    other:
      evals: 'orders*'
      tuned:
        - {model: 'ft:a', epochs: 3, seed: 1, train_loss: .5, valid_loss: .6}
        - {model: 'ft:b', epochs: 4.5}
"""


@pytest.fixture
def study(write: Write) -> Study:
    return lambda text: write(evals=EVALS, studies=text)


def test_a_study_becomes_records(study: Study, tmp_path: Path) -> None:
    demo = study(DEMO).study("demo")
    assert (demo.name, demo.base, demo.provider, demo.base_url) == (
        *("demo", "tiny-base", "embedded"),
        None,
    )
    orders, other = demo.experiments
    assert orders == Experiment(
        name="orders",
        evals=("orders.heldout.v1",),
        training_data=tmp_path / "registry/data/s.jsonl",
        tuning=Tuning((1, 2, 3), (1, 2), 4, 1.5),
        target=0.9,
        train_probe=100,
    )
    assert other.tuned == (
        Checkpoint("ft:a", 3, seed=1, train_loss=0.5, valid_loss=0.6),
        Checkpoint("ft:b", 4.5),
    )


def test_without_experiments_the_study_is_its_own(study: Study) -> None:
    flat = "one: {base: m, evals: orders.heldout.v1, training_data: s.jsonl, tune: {epochs: 3}}"
    found = study(flat).study("one")
    assert found.provider == "openai"
    assert [e.name for e in found.experiments] == ["one"]
    assert found.experiments[0].tuning == Tuning((3,))


def test_models_without_epochs_are_others(study: Study) -> None:
    found = study(flat("others: [x, y]")).study("s").experiments[0]
    assert found.others == ("x", "y")
    assert found.tuned == ()


def flat(extra: str) -> str:
    return f"s: {{base: m, evals: orders.heldout.v1, {extra}}}"


TUNED = "tuned: [{model: a, epochs: 1}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (flat("tune: {epochs: [1]}"), "experiment 's': 'tune' needs 'training_data'"),
        (flat("training_data: s.jsonl, tune: {epochs: []}"), "tune: epochs: expected at least one"),
        (flat("training_data: s.jsonl, tune: {epochs: [0]}"), "at least 1, found 0"),
        (flat("training_data: s.jsonl, tune: {epochs: [2, 2]}"), "expected different numbers"),
        (flat("training_data: s.jsonl, tune: {}"), "tune: 'epochs' is missing"),
        (flat("training_data: s.jsonl, tune: [1]"), "tune: expected a mapping"),
        (flat("training_data: s.jsonl, tune: {epochs: 1, seed: 1}"), "did you mean 'seeds'"),
        (flat("training_data: s.jsonl, tune: {epochs: 1, batch_size: -4}"), "batch_size: expected"),
        (
            flat("training_data: s.jsonl, tune: {epochs: 1, learning_rate_multiplier: 0}"),
            "a number above 0",
        ),
        (flat("description: x"), "give 'tune' (epochs to train), 'tuned'"),
        (flat("tuned: []"), "tuned: expected a list of tuned models"),
        (flat("tuned: [{model: a}]"), "tuned: item 1: 'epochs' is missing"),
        (flat("tuned: [{model: a, epochs: 1}, {epochs: 1}]"), "item 2: 'model' is missing"),
        (flat("tuned: [{model: a, epochs: -1}]"), "epochs: expected a number of at least 0"),
        (flat("tuned: [{model: a, epoch: 1}]"), "'epochs' is missing"),
        (flat("tuned: [{model: a, epochs: 1, loss: 1}]"), "unknown key 'loss'"),
        (flat("tuned: [{model: a, epochs: 1}, {model: a, epochs: 2}]"), "'a' stands there twice"),
        (flat(f"{TUNED}, target: 90"), "target: expected a number from 0 to 1, found 90"),
        (flat(f"{TUNED}, ceiling: high"), "ceiling: expected a number"),
        (flat(f"{TUNED}, wanted_refusals: 5"), "wanted_refusals: expected a number"),
        (flat(f"{TUNED}, train_prob: 3"), "unknown key 'train_prob'; did you mean 'train_probe'"),
        (flat(f"{TUNED}, train_probe: -3"), "train_probe: expected a whole number of at least 0"),
        (flat(f"{TUNED}, provider: azure"), "provider: expected one of openai, embedded"),
        (flat(f"{TUNED}, base_url: localhost"), "an address that starts with http"),
        (flat(f"{TUNED}, provider: embedded, base_url: 'http://x'"), "has no 'base_url'"),
        (flat(f"{TUNED}, training_data: gone.jsonl"), "training_data: gone.jsonl is not there"),
        (flat(f"{TUNED}, tune: {{epochs: 1}}, training_data: s.jsonl"), "both 'tune' and 'tuned'"),
        (f"s: {{base: m, {TUNED}}}", "'evals' is missing"),
        (f"s: {{evals: x, {TUNED}}}", "study 's': 'base' is missing"),
        (f"s: {{base: m, evals: [oders*], {TUNED}}}", "evals: no eval matches 'oders*'"),
        (f"s: {{base: m, target: 1, experiments: {{a: {{{TUNED}}}}}}}", "move 'target' into one"),
        ("s: {base: m, experiments: {a: 3}}", "experiment 'a': expected a mapping"),
        ("s: {base: m, experiments: {}}", "'experiments' is empty; add one"),
        (flat("training_data: s.jsonl, tune: {epoch: [1, 2]}"), "'epoch'; did you mean 'epochs'"),
        (flat(f"{TUNED}, ceiling: 0"), "ceiling: expected a number above 0 and of at most 1"),
        (flat(f"{TUNED}, ceiling: 1.5"), "ceiling: expected a number from 0 to 1"),
        (flat(f"{TUNED}, doubling: {{halves: 100000000}}"), "halves: expected a whole number of"),
        (
            flat(f"{TUNED}, forgetting: 'orders.*'"),
            "orders.heldout.v1 stands under 'evals' and 'forgetting'",
        ),
        (f"s: {{base: m, experiments: {{a: {{evals: x, {TUNED}, y: 1}}}}}}", "'a': unknown key"),
    ],
)
def test_a_wrong_study_is_refused_with_its_place(study: Study, text: str, said: str) -> None:
    with pytest.raises(RegistryError) as caught:
        study(text).study("s")
    message = str(caught.value)
    assert said in message
    assert "file.yaml: study 's': " in message
    assert "\n" not in message


def embedded(tune: str, base: str = "tiny-base", extra: str = "") -> str:
    data = "evals: orders.heldout.v1, training_data: s.jsonl"
    return f"s: {{provider: embedded, base: {base}, {data}, tune: {{{tune}}}{extra}}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (embedded("epochs: [1]", base="tiny-bse"), "base: 'tiny-bse' is no embedded model; there"),
        (embedded("epochs: [1, 99999999999]"), "tune: epochs: the embedded model takes numbers fr"),
        (embedded("epochs: 1, batch_size: 257"), "batch_size: the embedded model takes numbers fr"),
        (embedded("epochs: 1, seeds: [2147483648]"), "seeds: the embedded model takes numbers of"),
        (
            embedded("epochs: 1, learning_rate_multiplier: 1000"),
            "takes numbers of at most 100, not",
        ),
        (
            embedded("epochs: 30", extra=", doubling: {halves: 2}"),
            "parts of the data are 60 epochs",
        ),
    ],
)
def test_more_than_the_embedded_model_takes_is_refused_early(
    study: Study, text: str, said: str
) -> None:
    with pytest.raises(RegistryError, match=r"file\.yaml: study 's': ") as caught:
        study(text).study("s")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        embedded("epochs: 50, batch_size: 256, seeds: 2147483647, learning_rate_multiplier: 100"),
        embedded("epochs: 50", extra=", doubling: {halves: 2, step_matched: false}"),
        flat("training_data: s.jsonl, tune: {epochs: 60, learning_rate_multiplier: 1000}"),
    ],
)
def test_what_the_server_may_take_is_no_fault(study: Study, text: str) -> None:
    assert study(text).study("s").experiments[0].tuning


def test_a_file_without_a_study_says_so(study: Study, tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(RegistryError, match=r"empty\.yaml: holds no study"):
        study(DEMO).study(tmp_path / "empty.yaml")


def test_an_unknown_study_gets_the_nearest(study: Study) -> None:
    with pytest.raises(RegistryError, match="no study 'dmo'; did you mean 'demo'"):
        study(DEMO).study("dmo")


# --- studies in any file -------------------------------------------------------------


def test_a_study_file_brings_its_data_beside_it(study: Study, tmp_path: Path) -> None:
    registry = study(DEMO)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "train.jsonl").write_text("{}")
    file = mine / "my-study.yaml"
    file.write_text(
        "base: m\nevals: orders.heldout.v1\ntraining_data: train.jsonl\ntune: {epochs: 2}\n"
    )
    found = registry.study(file)
    assert found.name == "my-study"
    assert found.experiments[0].training_data == mine / "train.jsonl"
    assert found.source == file


def test_a_study_file_of_the_users_own_may_point_anywhere(study: Study, tmp_path: Path) -> None:
    registry = study(DEMO + "bad: {base: m, evals: orders*, training_data: ../../t.jsonl}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "t.jsonl").write_text("{}")
    file = tmp_path / "mine" / "s.yaml"
    file.write_text("base: m\nevals: orders*\ntraining_data: ../t.jsonl\ntune: {epochs: 2}\n")
    assert registry.study(file).experiments[0].training_data == tmp_path / "mine/../t.jsonl"
    with pytest.raises(RegistryError, match="leads out of"):
        registry.study("bad")


def test_a_file_of_several_studies_wants_one_named(study: Study, tmp_path: Path) -> None:
    registry = study(DEMO)
    file = tmp_path / "two.yaml"
    file.write_text(flat(TUNED) + "\n" + flat(TUNED).replace("s:", "t:", 1))
    with pytest.raises(RegistryError, match=r"holds the studies s, t; choose one with .*#NAME"):
        registry.study(str(file))
    assert registry.study(f"{file}#t").name == "t"
    with pytest.raises(RegistryError, match="no study 'u'"):
        registry.study(f"{file}#u")


def test_a_missing_study_file_is_named(study: Study) -> None:
    with pytest.raises(RegistryError, match=r"gone\.yaml: cannot be read"):
        study(DEMO).study("gone.yaml")


STORED = """
stored:
  provider: recorded
  answers: answers.jsonl
  base: before
  evals: orders.heldout.v1
  others: [after]
"""


def test_a_study_of_stored_answers_names_their_file(study: Study) -> None:
    registry = study(STORED)
    answers = registry.roots[0] / "data" / "answers.jsonl"
    answers.write_text("{}")
    stored = registry.study("stored")
    assert (stored.provider, stored.base_url) == ("recorded", str(answers.resolve()))


def test_stored_answers_have_to_be_there(study: Study) -> None:
    with pytest.raises(RegistryError, match=r"answers: answers.jsonl is not there"):
        study(STORED).study("stored")
    with pytest.raises(RegistryError, match="'answers' is missing"):
        study(STORED.replace("  answers: answers.jsonl\n", "")).study("stored")
    with pytest.raises(RegistryError, match="answers"):
        study(STORED.replace("recorded", "embedded")).study("stored")


# --- embeddings ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("embeddings: text-embedding-3-small", Embeddings("text-embedding-3-small")),
        ("embeddings: {model: m}", Embeddings("m")),
        ("embeddings: {model: m, base_url: 'http://x/v1'}", Embeddings("m", "http://x/v1")),
        ("embeddings: {model: 'a:b', base_url: 'http://x/v1'}", Embeddings("a:b", "http://x/v1")),
        ("embeddings: ", None),
    ],
)
def test_a_study_names_an_embedding_model(
    study: Study, written: str, named: Embeddings | None
) -> None:
    assert study(DEMO + f"  {written}\n").study("demo").embeddings == named


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("embeddings: 3", "embeddings: expected"),
        ("embeddings: {base_url: 'http://x/v1'}", "'model' is missing"),
        ("embeddings: {model: m, base_url: x}", "base_url: expected an address"),
        ("embeddings: {model: m, api_key: k}", "unknown key 'api_key'"),
    ],
)
def test_an_embedding_model_that_is_none_is_named(
    study: Study, written: str, complaint: str
) -> None:
    with pytest.raises(RegistryError, match=complaint):
        study(DEMO + f"  {written}\n").study("demo")


def test_only_a_users_own_file_may_name_code(study: Study, tmp_path: Path) -> None:
    registry = study(DEMO + "  embeddings: my_module:embed\n")
    with pytest.raises(RegistryError, match="is code, which a registry may not name"):
        registry.study("demo")
    own = tmp_path / "own.yaml"
    own.write_text(
        "base: m\nevals: [orders.heldout.v1]\nothers: [n]\nembeddings: my_module:embed\n"
    )
    assert registry.study(str(own)).embeddings == Embeddings("my_module:embed")


def test_a_study_names_the_embedded_model_as_the_command_line_does(study: Study) -> None:
    text = """
demo:
  base: embedded:tiny-base
  evals: [orders.heldout.v1]
  tuned: [{model: 'embedded:ft:tiny-base:a', epochs: 1}, {model: 'ft:tiny-base:b', epochs: 2}]
  others: ['embedded:ft:tiny-base:c']
"""
    found = study(text).study("demo")
    (only,) = found.experiments
    assert (found.provider, found.base) == ("embedded", "tiny-base")
    assert [one.model for one in only.tuned] == ["ft:tiny-base:a", "ft:tiny-base:b"]
    assert only.others == ("ft:tiny-base:c",)


def test_a_base_and_a_provider_that_contradict_each_other_are_refused(study: Study) -> None:
    text = """
demo:
  provider: openai
  base: embedded:tiny-base
  evals: [orders.heldout.v1]
  others: [b]
"""
    with pytest.raises(RegistryError, match="'provider' says 'openai'; drop one"):
        study(text).study("demo")
