"""The validation study's own parts: generators, oracle, policies, results that outlive a kill."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.advice.collection import FAMILIES, RETIRED, SEEDS, digest, names, runs, task
from benchmarks.advice.courses import POOLED, Course, courses_of
from benchmarks.advice.decoding import answers
from benchmarks.advice.faults import FAULTS
from benchmarks.advice.figures import Figures, followed, started
from benchmarks.advice.lints import lint_findings
from benchmarks.advice.misses import by_kind, misses
from benchmarks.advice.oracle import Truth
from benchmarks.advice.planted import ending, is_named
from benchmarks.advice.policies import (
    BASELINES,
    Advisor,
    Best,
    Fixed,
    Guide,
    Move,
    Stay,
    heldout_score,
)
from benchmarks.advice.report import write
from benchmarks.advice.results import Results
from benchmarks.advice.search import GRID
from benchmarks.advice.tasks import Task
from benchmarks.advice.tuning import Run, tuned
from benchmarks.advice.work import work
from harness.analysis.evidence import Evidence
from harness.analysis.thresholds import DEFAULT
from harness.embedded.checkpoint import load_base
from harness.embedded.decoding import generate
from harness.prompts import train_probe
from harness.records import Completion, Estimate

NAMES = [f"{family}-00" for family in FAMILIES]
FAULTY = [f"{fault}-00" for fault in FAULTS]


def about(value: float, by: float = 0.01) -> Estimate:
    return Estimate(value, value - by, value + by, 100, "made up")


def truth(*utilities: float, seeds: int = 3, samples: int = 400) -> Truth:
    """Epochs 0, 1, ... whose samples are all worth the same, but for a little noise."""
    noise = np.random.default_rng(1).normal(0, 0.01, (seeds, len(utilities), samples))
    return Truth(np.array(utilities)[None, :, None] + noise)


def course(heldout: list[float], utilities: list[float], **evidence: object) -> Course:
    """One made-up task, seen after each of its epochs."""
    curves = {e: tuple(utilities[1 : e + 1]) for e in range(1, len(utilities))}
    seen = [
        replace(
            Evidence("e", "one-answer", f"m{e}", e),
            valid_losses=tuple(1 - value for value in curve),
            valid_token_accuracies=curve,
            **evidence,  # type: ignore[arg-type]
        )
        for e, curve in curves.items()
    ]
    return Course(
        task="classification-01",
        family="classification",
        fault="",
        half="report",
        n_train=50,
        study=POOLED,
        truth=truth(*utilities),
        evidence=tuple(seen),
        candidates=((),) * len(seen),
        heldout=tuple(heldout),
    )


@cache
def short(name: str, epochs: int = 2) -> Task:
    """A task that is cheap enough for a test."""
    made = task(name)
    return replace(made, train=made.train[:16], test=made.test[:10], epochs=epochs)


@cache
def run(name: str, seed: int = 1) -> Run:
    return tuned(short(name), seed)


# --- tasks ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, *FAULTY])
def test_a_task_is_the_same_whenever_it_is_drawn(name: str) -> None:
    before = digest(name)
    task.cache_clear()
    digest.cache_clear()
    assert digest(name) == before


@pytest.mark.parametrize("name", NAMES)
def test_test_heldout_and_training_prompts_of_clean_tasks_are_disjoint(name: str) -> None:
    made = task(name)
    parts = [train_probe(made.train, 10_000), made.heldout, made.test]
    asked = [{str(sample.messages) for sample in part} for part in parts]
    assert not asked[0] & asked[1]
    assert not asked[0] & asked[2]
    assert not asked[1] & asked[2]


@pytest.mark.parametrize("name", [*NAMES, *FAULTY])
def test_every_prompt_with_its_answer_fits_the_context(name: str) -> None:
    tokenizer, network = load_base()
    made, room = task(name), network.config.context
    assert max(len(tokenizer.chat(e.messages)[0]) for e in made.train) <= room
    longest = max(len(tokenizer.prompt(s.messages)) for s in (*made.heldout, *made.test))
    assert longest + (made.spec.sampling.max_tokens or 0) <= room


def test_runs_are_ordered_so_that_any_part_of_them_is_balanced() -> None:
    first = list(names(tasks=3, faulty=1))
    assert first[: len(FAMILIES)] == NAMES
    assert first[-2 * len(FAMILIES) : -len(FAMILIES)] == [
        f"{family}-{RETIRED + 1}" for family in FAMILIES
    ]
    assert set(first[len(FAMILIES) :][: len(FAULTS)]) == set(FAULTY)
    assert [seed for _, seed in runs(1, 0)] == [*SEEDS] * len(FAMILIES)


def test_even_tasks_tune_and_odd_ones_report() -> None:
    assert {task(f"extraction-0{n}").half for n in (0, 2)} == {"tuning"}
    assert task("extraction-81").half == "report"


def test_half_of_the_tasks_report_and_none_of_these_is_retired() -> None:
    clean = [name for name in names() if name.rpartition("-")[0] in FAMILIES]
    reported = [name for name in clean if task(name).half == "report"]
    assert 2 * len(reported) == len(clean) == 120
    assert all(int(name.rpartition("-")[2]) > RETIRED for name in reported)


def test_faults_are_planted_as_they_say() -> None:
    def said(name: str) -> list[str]:
        return [str(example.messages[-1]["content"]) for example in task(name).train]

    refusing = said("refusals-00")
    assert sum("cannot" in text for text in refusing) == round(0.6 * len(refusing))
    broken = [text for text in said("broken format-00") if not is_json(text)]
    assert len(broken) == len(said("broken format-00")) // 6
    leaky = task("leaked held-out-00")
    known = {str(sample.messages) for sample in train_probe(leaky.train, 10_000)}
    assert sum(str(s.messages) in known for s in leaky.heldout) >= len(leaky.heldout) // 2
    ids = [re.search(r"_\d+", str(e.messages[1]["content"])) for e in task("opaque ids-00").train]
    assert len({found[0] for found in ids if found}) == len(ids)


@pytest.mark.skipif(find_spec("cleanlab") is None, reason="needs cleanlab (the extra `lint`)")
def test_lints_block_faults_and_leave_hard_tasks_alone() -> None:
    def blocking(name: str) -> list[str]:
        return [f.rule for f in lint_findings(task(name)) if f.severity == "block"]

    assert not any(map(blocking, (f"classification-{n:02}" for n in (4, 10, 12, 24, 34, 38))))
    assert all("label noise" in blocking(f"flipped labels-0{n}") for n in (1, 2, 3))


def is_json(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


# --- runs ----------------------------------------------------------------------------


def test_greedy_answers_are_those_that_the_product_gives_one_at_a_time() -> None:
    tokenizer, network = load_base()
    made = short("classification-00")
    together = answers(network, tokenizer, made.heldout[:12], made.spec.sampling, (1,))
    for sample, (said,) in zip(made.heldout, together, strict=False):
        (alone,) = generate(
            network,
            tokenizer.prompt(sample.messages),
            max_tokens=made.spec.sampling.max_tokens or 0,
            temperature=0,
            end=tokenizer.end,
        )
        assert said == Completion(tokenizer.decode(alone.ids), alone.finish_reason)


def test_sampled_answers_depend_on_their_seed_alone() -> None:
    tokenizer, network = load_base()
    made = short("generation-00")
    asked = made.heldout[:3]
    one, again, other = (
        answers(network, tokenizer, asked, made.spec.sampling, (seed,)) for seed in (1, 1, 2)
    )
    assert one == again != other
    assert [len(group) for group in one] == [10] * 3


def test_the_same_run_twice_is_the_same_run() -> None:
    first, second = run("classification-00"), tuned(short("classification-00"), 1)
    assert replace(first, cpu_s=0) == replace(second, cpu_s=0)


def test_a_run_comes_back_from_its_line() -> None:
    for name in ("classification-00", "generation-00"):
        assert Run.of(orjson.loads(run(name).line)).line == run(name).line


def test_results_survive_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    results = Results(tmp_path / "runs.jsonl")
    results.keep(run("classification-00"))
    whole = results.path.read_bytes()
    with results.path.open("ab") as file:
        file.write(whole[: len(whole) // 2])
    results.keep(replace(run("classification-00"), seed=2))
    assert results.keys() == {("classification-00", 1), ("classification-00", 2)}
    assert [found.seed for found in results] == [1, 2]


def test_a_run_of_a_task_that_has_changed_does_not_count(tmp_path: Path) -> None:
    results = Results(tmp_path / "runs.jsonl")
    results.keep(run("classification-00"))
    text = results.path.read_bytes().replace(digest("classification-00").encode(), b"0" * 12)
    results.path.write_bytes(text)
    assert results.keys() == set()


def test_runs_that_are_there_are_not_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = Results(tmp_path / "runs.jsonl")
    results.keep(run("classification-00"))
    before = results.path.stat().st_size
    work([("classification-00", 1)], results, workers=1)
    assert results.path.stat().st_size == before
    assert "1 of 1 runs" in capsys.readouterr().err


# --- oracle --------------------------------------------------------------------------


def test_the_oracle_takes_ties_within_one_standard_error_together() -> None:
    found = truth(0.1, 0.5, 0.9, 0.9, 0.6)
    assert found.best in (2, 3)
    assert found.good >= {found.best}
    assert not found.good & {1, 4}
    assert [found.direction(epochs) for epochs in (1, found.best, 4)] == [1, 0, -1]


def test_regret_is_what_is_given_away() -> None:
    found = truth(0.1, 0.5, 0.9, 0.7)
    assert found.regret(2) == 0
    assert found.regret(1) == pytest.approx(0.4, abs=0.01)
    assert found.is_harmful(2, 3)
    assert not found.is_harmful(1, 2)


def test_the_oracle_looks_beyond_the_last_epoch_count() -> None:
    utilities = [0.1, 0.2, 0.3, 0.6, 0.9, 0.7]
    found = replace(truth(*utilities), later=(4, 6, 10))
    assert (found.last, found.best, found.good) == (2, 2, {2})
    assert [found.direction(epochs) for epochs in (1, 2)] == [1, 0]
    assert [found.direction_ahead(epochs) for epochs in (1, 2, 6, 10)] == [1, 1, 0, -1]
    assert found.more_helps
    assert not replace(truth(0.1, 0.3, 0.6, 0.5), later=(4,)).more_helps
    assert not truth(0.1, 0.3).more_helps
    assert found.regret(2) == 0
    assert found.standard_error(6, 2) == pytest.approx(found.standard_error(2, 6))


def test_a_run_is_asked_after_its_last_epoch_where_more_could_help() -> None:
    assert run("classification-00").later == (4, 6, 10)
    assert len(run("classification-00").test) == 1 + 2 + 3
    assert len(run("classification-00").said["heldout"]) == 1 + 2
    assert run("conflicting labels-00").later == ()
    assert Truth.of([run("classification-00")]).last == 2


def test_lost_diversity_makes_open_answers_worth_less() -> None:
    made = run("generation-00")
    narrow = replace(made, variety=[0.45] * len(made.variety))
    wide = replace(made, variety=[1.2] * len(made.variety))
    assert np.allclose(Truth.of([narrow]).worth * 2, Truth.of([wide]).worth)


# --- policies ------------------------------------------------------------------------


def test_baselines_go_where_they_say() -> None:
    seen = course([0.1, 0.4, 0.8, 0.7], [0.1, 0.4, 0.8, 0.7])
    assert Stay().move(seen, 2) == Move(2)
    assert Fixed("always 3", lambda _: 3).move(seen, 1) == Move(3, trained=3, recommend=2)
    assert Fixed("always 1", lambda _: 1).move(seen, 3) == Move(1, recommend=-2)
    picks, trains = Best("p", heldout_score), Best("t", heldout_score, goes_on=True)
    assert picks.move(seen, 3) == trains.move(seen, 3) == Move(2, recommend=-1)
    assert picks.move(seen, 1) == Move(1)
    assert trains.move(seen, 1) == Move(3, trained=3, recommend=2)


def test_the_guide_alone_reads_fit_without_intervals() -> None:
    seen = course([0.1, 0.4, 0.8, 0.9], [0.1, 0.4, 0.8, 0.9], train=about(0.5))
    assert Guide().move(seen, 1).recommend == 2
    near = course([0.1, 0.4, 0.8, 0.9], [0.1, 0.4, 0.8, 0.9], train=about(0.93))
    assert Guide().move(near, 1).recommend == 1


def test_following_ends_when_nothing_new_is_trained() -> None:
    utilities = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.91]
    seen = course(utilities, utilities)
    trains = Best("t", heldout_score, goes_on=True)
    last, spent = followed(trains, seen, 1, trains.move(seen, 1))
    assert (last.to, spent) == (7, 3 + 5 + 7)
    assert followed(Stay(), seen, 1, Move(1)) == (Move(1), 0)


def test_more_epochs_than_were_ever_trained_are_neither_right_nor_wrong() -> None:
    rising = course([0.1, 0.3, 0.6, 0.9], [0.1, 0.3, 0.6, 0.9])
    trains = Best("t", heldout_score, goes_on=True)
    assert started(trains, rising, 3).is_open
    assert not started(trains, rising, 2).is_open
    assert Figures.of(trains, [rising]).accuracy == 1
    ahead = replace(rising, truth=replace(rising.truth, later=(5,)))
    seen = replace(ahead, evidence=ahead.evidence[:2])
    assert started(trains, seen, 2).is_right
    assert not started(trains, seen, 2).is_open
    assert started(Stay(), seen, 2).is_right
    fell = replace(seen, truth=replace(truth(0.1, 0.3, 0.6, 0.5), later=(5,)))
    assert not started(trains, fell, 2).is_right


def test_a_wrong_direction_is_told_with_what_it_costs() -> None:
    fell = course([0.1, 0.4, 0.8, 0.7], [0.1, 0.4, 0.8, 0.7])
    (miss,) = misses(Stay(), [fell], -1)
    assert (miss.said, miss.needed) == (0, -1)
    assert not miss.is_within(2)
    assert not miss.lands_well
    assert miss.regret == pytest.approx(0.1, abs=0.01)
    assert list(misses(Stay(), [course([0.1, 0.4, 0.8], [0.1, 0.4, 0.8])], -1)) == []


def test_misses_of_a_kind_stand_together_the_commonest_first() -> None:
    fell, rises = [0.1, 0.8, 0.6], [0.1, 0.4, 0.8]
    found = [miss for place in (1, -1) for miss in misses(Stay(), [course(rises, rises)], place)]
    found += [miss for _ in range(2) for miss in misses(Stay(), [course(fell, fell)], -1)]
    assert {kind: len(these) for kind, these in by_kind(found).items()} == {(0, -1): 2, (0, 1): 1}
    assert next(iter(by_kind(found))) == (0, -1)


def test_the_advisor_says_what_a_study_says() -> None:
    seen = course([0.1, 0.4, 0.8], [0.1, 0.4, 0.8], train=about(0.5), train_step=about(0.5))
    assert Advisor().move(seen, 1) == Move(2, trained=2, recommend=2, rule=5)


def test_every_searched_threshold_exists() -> None:
    assert all(getattr(DEFAULT, name) in values for name, values in GRID.items())


# --- the whole way -------------------------------------------------------------------


def test_courses_are_made_by_the_code_of_a_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.advice.courses.task", short)
    found = list(courses_of([run("conflicting labels-00"), run("conflicting labels-00", 2)]))
    assert [one.study for one in found] == [POOLED]
    assert [one.study for one in courses_of([run("classification-00")])] == [POOLED, "seed 1"]
    assert [seen.epochs for seen in found[0].evidence] == [1, 2]
    assert len(found[0].heldout) == found[0].truth.last + 1 == 3
    assert isinstance(is_named(found[0], ending(Advisor(), found[0])), bool)


def test_the_page_is_written_from_courses(tmp_path: Path) -> None:
    fields = {"train": about(0.5), "train_step": about(0.5)}
    tuning = [
        replace(course([0.1, 0.4, 0.8, 0.7], [0.1, 0.4, 0.8, 0.7], **fields), half=half, task=name)
        for half, name in (("tuning", "classification-00"), ("report", "classification-01"))
        for _ in range(3)
    ]
    alone = [replace(one, study="seed 1") for one in tuning]
    page = tmp_path / "validation.md"
    write([*tuning, *alone], runs=6, page=page, images=tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "not complete yet" in text
    assert all(policy.name in text for policy in (Advisor(), *BASELINES))
    assert (tmp_path / "validation-regret.svg").exists()
