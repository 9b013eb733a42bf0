"""The reference package and the harness ask one real HTTP server and come to the same results.

The server's answers are a pure function of what is asked (``benchmarks/parity``); the whole
registry with all its samples is held against the reference by ``benchmarks/bench_parity.py``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.parity.answers import DISGUISES, JUDGEMENTS, Answers
from benchmarks.parity.comparison import differences, shown, unequal_events
from benchmarks.parity.proof import OWN, ROWS, Proof, prove, runnable
from benchmarks.parity.server import canonical, parity_server
from benchmarks.parity.sides import Job, Side, drop_in_side
from harness.registry import Registry

pytestmark = [pytest.mark.oracle, pytest.mark.long]

LARGEST_BYTES = 40_000
JSON_MATCH = "parity-json-match.dev.v0"
BASIC = ("Match", "TestMatch", "Includes", "FuzzyMatch", "JsonMatch", "JsonValidator")


@pytest.fixture(scope="module")
def known(reference: ModuleType, reference_registry: Path) -> Registry:
    return Registry([reference_registry, OWN])


@pytest.fixture(scope="module")
def proof(known: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proof]:
    """Some 280 evals with small data, five samples of each, once on each side."""
    found = [spec.name for spec in runnable(known, LARGEST_BYTES) if spec.fetched_from is None]
    own = [name for name, entry in known.entries().items() if entry.root == OWN]
    aliased = {known.resolve(name).name for name in own if known.entries()[name].alias_of}
    aliases = [name for name in own if name not in aliased and name != "parity-versions.dev"]
    names = dict.fromkeys([*(name for name in found if name not in aliased), *aliases])
    job = Job(known.roots, tuple(names), max_samples=5, rows=ROWS)
    return prove(job, tmp_path_factory.mktemp("parity"))


# --- the proof -----------------------------------------------------------------------


def test_verdicts_final_metrics_and_log_events_are_those_of_the_reference(proof: Proof) -> None:
    assert not proof.theirs.problems
    found = proof.differences()
    assert not found, f"{len(found)} differences:\n" + "\n".join(map(str, found[:20]))


def test_requests_are_those_of_the_reference_with_their_sampling_parameters(proof: Proof) -> None:
    only_theirs, only_ours = proof.unequal_requests()
    assert not only_theirs, f"{only_theirs.total()} such as {shown(only_theirs)}"
    assert not only_ours, f"{only_ours.total()} such as {shown(only_ours)}"
    assert proof.asked["ours"].total() > 1500


def test_it_covers_150_basic_and_20_judged_evals_of_the_package(
    proof: Proof, known: Registry, reference_registry: Path
) -> None:
    counts = Counter(
        str(known.eval(name).class_name).rpartition(":")[2]
        for name in proof.names
        if known.resolve(name).root == reference_registry
    )
    assert sum(counts[name] for name in BASIC) >= 150
    assert counts["ModelBasedClassify"] >= 20
    everywhere = {str(known.eval(name).class_name).rpartition(":")[2] for name in proof.names}
    assert everywhere == {*BASIC, "ModelBasedClassify", "MultipleChoice", "Translate"}


def test_one_call_with_all_names_starts_once_and_writes_a_log_for_each(proof: Proof) -> None:
    assert set(proof.ours.reports) == set(proof.theirs.reports)
    assert len(proof.ours.reports) > 250


def test_an_alias_leads_to_the_newest_version_on_both_sides(proof: Proof) -> None:
    assert "parity-versions" in proof.job.evals
    assert {"parity-versions.dev.v1", "parity-versions.dev.v2"} <= set(proof.theirs.reports)


def test_the_same_oaieval_command_gives_the_same_log(
    known: Registry, reference_registry: Path, tmp_path: Path
) -> None:
    commands = {
        "best.dev.v0": "gpt-3.5-turbo,gpt-4,gpt-4-32k",
        "joke-fruits.dev.v0": "gpt-3.5-turbo-instruct",
    }
    for name, models in commands.items():
        job = Job((reference_registry,), (name,), 5, models=models)
        proof = prove(job, tmp_path / name, drop_in_side)
        assert not proof.theirs.problems
        assert [str(one)[:600] for one in proof.differences()] == []
        assert proof.unequal_requests() == (Counter(), Counter())


# --- that it proves something --------------------------------------------------------


def test_all_kinds_of_outcome_occur(proof: Proof) -> None:
    facts = [fact for found in proof.theirs.verdicts.values() for fact in found.values()]
    assert {fact.get("accuracy") for fact in facts} == {None, 0.0, 1.0}
    assert any(0 < fact.get("f1_score", 0) < 1 for fact in facts)
    assert {"__invalid__", "A", "Y", "N", "Yes", "No"} <= {fact.get("choice") for fact in facts}
    assert {fact.get("metascore") for fact in facts} == {None, False, True}
    assert any(0 < fact.get("sacrebleu_sentence_score", 0) < 30 for fact in facts)
    json_marks = {fact["accuracy"] for fact in proof.theirs.verdicts[JSON_MATCH].values()}
    assert json_marks == {0.0, 1.0}


def test_a_changed_mark_metric_or_event_is_found(proof: Proof) -> None:
    name = JSON_MATCH
    sample, facts = next(iter(proof.ours.verdicts[name].items()))
    wrong = {sample: {**facts, "accuracy": 1 - facts["accuracy"]}}
    changed = replace(
        proof.ours,
        verdicts={name: {**proof.ours.verdicts[name], **wrong}},
        reports={name: {**proof.ours.reports[name], "accuracy": 0.123, "more": 1}},
        events={name: {**proof.ours.events[name], sample: []}},
    )
    found = differences(name, proof.theirs, changed)
    assert [(one.where, one.name) for one in found] == [
        (sample, "accuracy"),
        ("", "accuracy"),
        ("", "more"),
    ]
    assert [one.where for one in unequal_events(name, proof.theirs, changed)] == [sample]


def test_a_missing_sample_is_found() -> None:
    theirs = Side({"a.b": {"a.b.0": {"accuracy": 1.0}}}, {}, {"a.b": {}})
    ours = Side({"a.b": {}}, {}, {"a.b": {}})
    (only,) = differences("a.b", theirs, ours)
    assert str(only) == "a.b.0: accuracy is 1.0 there and 'nothing' here"


def test_the_spread_may_differ_by_its_sampling_error_only() -> None:
    def side(spread: float) -> Side:
        return Side({}, {}, {"a.b": {"accuracy": 0.5, "boostrap_std": spread}})

    assert not differences("a.b", side(0.10), side(0.105))
    assert differences("a.b", side(0.10), side(0.13))


# --- the server ----------------------------------------------------------------------


def test_answers_depend_on_the_messages_alone() -> None:
    answers = Answers({"Capital of Norway?": ("Oslo",)})
    asked = [{"role": "user", "content": "Capital of Norway?"}]
    assert answers.to(asked) == Answers({"Capital of Norway?": ("Oslo",)}).to(asked)
    said = {answers.to([{"role": "system", "content": str(n)}, *asked]) for n in range(400)}
    assert {"Oslo", "OSLO", "oslo", "", "I do not know."} <= said
    assert len(said) >= len({disguise("Oslo", "Oslo") for disguise in DISGUISES})


def test_judges_pick_from_what_is_offered() -> None:
    asked = 'Say only a single choice from "Y" or "N" (without quotes).'
    said = [Answers({}).to([{"role": "user", "content": f"{n}\n{asked}"}]) for n in range(400)]
    assert {"Y", "N", '"Y"', "(N)", "", "それは言えません。"} <= set(said)
    assert len(set(said)) > len(JUDGEMENTS)


def test_equal_questions_are_equal_bytes() -> None:
    messages = [{"role": "user", "content": "?"}]
    one = {"model": "m", "messages": messages, "temperature": 0.0, "n": 1}
    assert canonical(one) == canonical({"temperature": 0, "messages": messages, "model": "m"})
    assert canonical(one) != canonical({**one, "temperature": 0.5})
    assert canonical(one) != canonical({**one, "max_tokens": 5})


def test_it_answers_over_http_and_counts_by_side() -> None:
    import urllib.request

    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "n": 2}
    with parity_server(Answers({})) as server:
        for side in ("theirs", "ours", "ours"):
            request = urllib.request.Request(
                f"{server.base_url(side)}/chat/completions", json.dumps(body).encode()
            )
            with urllib.request.urlopen(request) as answer:
                assert len(json.load(answer)["choices"]) == 2
    assert {side: bodies.total() for side, bodies in server.asked.items()} == {
        "theirs": 1,
        "ours": 2,
    }
