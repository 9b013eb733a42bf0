"""Saved hosted Evals, built with the API's own types, become evals, logs and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai.types import EvalRetrieveResponse
from openai.types.evals import RunRetrieveResponse
from openai.types.evals.runs import OutputItemListResponse
from typer.testing import CliRunner

from harness.cli import app
from harness.datasets import read_samples
from harness.errors import DatasetError, UsageError
from harness.graders import make_grader
from harness.openai_evals.hosted import Imported, import_hosted, unique_names
from harness.openai_evals.logs import read_log, remarked
from harness.registry import load_registry

ITEMS = [
    {"ticket": "printer on fire", "label": "Hardware"},
    {"ticket": "VPN drops", "label": "Software"},
    {"ticket": "lunch menu", "label": "Other"},
]
MATCH = {
    "id": "Match-0c3f",
    "type": "string_check",
    "name": "Match",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.label }}",
    "operation": "eq",
}
NEAR = {
    "id": "Near-77aa",
    "type": "text_similarity",
    "name": "Near",
    "input": "{{sample.output_text}}",
    "reference": "{{item.label}}",
    "evaluation_metric": "fuzzy_match",
    "pass_threshold": 0.8,
}
CODE = {
    "id": "Code-1",
    "type": "python",
    "name": "Code",
    "source": "def grade(sample, item):\n    return 1.0",
    "pass_threshold": 0.5,
}
JUDGE = {
    "id": "Judge-1",
    "type": "score_model",
    "name": "Judge",
    "model": "o4-mini",
    "input": [{"role": "user", "content": "{{sample.output_text}}"}],
    "range": [1, 5],
}
PROMPT = [
    {"type": "message", "role": "developer", "content": {"type": "input_text", "text": "Sort."}},
    {
        "type": "message",
        "role": "user",
        "content": {"type": "input_text", "text": "{{item.ticket}}"},
    },
]


def eval_object(*criteria: dict[str, Any], **more: Any) -> dict[str, Any]:
    raw = {
        "object": "eval",
        "id": "eval_1",
        "name": "Support Tickets",
        "created_at": 1739314509,
        "metadata": {},
        "data_source_config": {"type": "custom", "schema": {"type": "object"}},
        "testing_criteria": list(criteria or [MATCH]),
        **more,
    }
    EvalRetrieveResponse.model_validate(raw)
    return raw


def run_object(number: int = 0, model: str = "gpt-4.1-mini", **source: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "object": "eval.run",
        "id": f"run_{number}",
        "eval_id": "eval_1",
        "name": f"Run {number}",
        "created_at": 1739314600 + number,
        "model": model,
        "status": "completed",
        "error": None,
        "report_url": "https://example.com",
        "per_model_usage": [],
        "per_testing_criteria_results": [],
        "result_counts": {"errored": 0, "failed": 0, "passed": 3, "total": 3},
        "data_source": {
            "type": "completions",
            "model": model,
            "source": {"type": "file_content", "content": [{"item": item} for item in ITEMS]},
            "input_messages": {"type": "template", "template": PROMPT},
            "sampling_params": {"temperature": 0, "max_completion_tokens": 16, "seed": 42},
            **source,
        },
    }
    RunRetrieveResponse.model_validate({**raw, "error": {"code": "", "message": ""}})
    return raw


def output_item(number: int, place: int, answer: str, **more: Any) -> dict[str, Any]:
    right = answer == ITEMS[place]["label"]
    raw: dict[str, Any] = {
        "object": "eval.run.output_item",
        "id": f"oi_{number}_{place}",
        "run_id": f"run_{number}",
        "eval_id": "eval_1",
        "created_at": 1739314700,
        "status": "pass" if right else "fail",
        "datasource_item_id": place,
        "datasource_item": ITEMS[place],
        "results": [
            {"name": "Match-0c3f", "sample": None, "passed": right, "score": float(right)},
            {"name": "Near-77aa", "passed": right, "score": 1.0 if right else 0.3},
            {"name": "Code", "passed": True, "score": 1.0},
            {"name": "Judge-1", "passed": right, "score": 4.0 if right else 2.0},
        ],
        "sample": {
            "input": [
                {"role": "developer", "content": "Sort."},
                {"role": "user", "content": ITEMS[place]["ticket"]},
            ],
            "output": [{"role": "assistant", "content": answer}],
            "finish_reason": "stop",
            "model": "gpt-4.1-mini",
            "usage": {
                "total_tokens": 10,
                "completion_tokens": 1,
                "prompt_tokens": 9,
                "cached_tokens": 0,
            },
            "error": {"code": "", "message": ""},
            "seed": 42,
            "temperature": 0.0,
            "top_p": 1.0,
            "max_completion_tokens": 16,
        },
        **more,
    }
    OutputItemListResponse.model_validate(raw)
    return raw


def outputs(number: int, *answers: str) -> list[dict[str, Any]]:
    return [output_item(number, place, answer) for place, answer in enumerate(answers)]


Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """``save(name, *objects)`` writes a file: one object, a list page of several, or lines."""

    def write(name: str, *objects: Any) -> Path:
        path = tmp_path / "saved" / name
        path.parent.mkdir(exist_ok=True)
        if name.endswith(".jsonl"):
            text = "".join(f"{json.dumps(one)}\n" for one in objects)
        elif len(objects) == 1:
            text = json.dumps(objects[0], indent=2)
        else:
            text = json.dumps({"object": "list", "data": objects, "has_more": False})
        path.write_text(text)
        return path

    return write


@pytest.fixture
def imported(save: Save, tmp_path: Path) -> Imported:
    """Two runs of one eval with all kinds of criteria, from a folder of three files."""
    save("eval.json", eval_object(MATCH, NEAR, CODE, JUDGE))
    save("runs.json", run_object(0), run_object(1, "ft:mini:me::x"))
    lines = outputs(0, "Hardware", "Other", "Other") + outputs(1, *(i["label"] for i in ITEMS))
    save("items.jsonl", *lines)
    return import_hosted([tmp_path / "saved"], tmp_path / "out")


def test_every_criterion_becomes_an_eval_that_loads(imported: Imported) -> None:
    registry = load_registry([imported.out])
    names = [one.name for one in imported.evals]
    assert names == [f"support-tickets.{c}.v1" for c in ("match", "near", "code", "judge")]
    specs = [registry.eval(name) for name in names]
    assert [s.grader for s in specs] == ["string_check", "text_similarity", "python", "score_model"]
    for spec in specs:
        make_grader(spec, allow_code=frozenset({"python"}))
    assert specs[0].sampling.temperature == 0.0
    assert specs[0].sampling.max_tokens == 16
    assert [(one.needs_judge, one.needs_code) for one in imported.evals] == [
        *((False, False), (False, False), (False, True), (True, False))
    ]


def test_samples_are_prompts_items_and_the_common_ideal(imported: Imported) -> None:
    spec = load_registry([imported.out]).eval("support-tickets.match.v1")
    samples = list(read_samples(spec.samples, spec.name))
    assert [sample.ideal for sample in samples] == [("Hardware",), ("Software",), ("Other",)]
    assert samples[0].messages == (
        {"role": "developer", "content": "Sort."},
        {"role": "user", "content": "printer on fire"},
    )
    assert samples[0].metadata == {"item": ITEMS[0]}


def test_hosted_runs_become_logs_with_the_hosted_marks(imported: Imported) -> None:
    logs = {one.name: [read_log(path) for _, path in one.logs] for one in imported.evals}
    base, tuned = logs["support-tickets.match.v1"]
    assert (base.model, tuned.model) == ("gpt-4.1-mini", "ft:mini:me::x")
    assert [o.scores["accuracy"].value for o in base.outcomes] == [1.0, 0.0, 1.0]
    assert base.outcomes[1].completion is not None
    assert base.outcomes[1].completion.text == "Other"
    assert base.outcomes[0].completion.usage is not None  # type: ignore[union-attr]
    near = logs["support-tickets.near.v1"][0].outcomes[1].scores["accuracy"]
    assert (near.value, near.details) == (0.0, {"similarity": 0.3})
    judge = logs["support-tickets.judge.v1"][0].outcomes[1].scores["accuracy"]
    assert judge.value == 2.0  # no threshold: the number itself
    spec = load_registry([imported.out]).eval("support-tickets.match.v1")
    ids = [sample.id for sample in read_samples(spec.samples, spec.name)]
    assert [outcome.sample_id for outcome in base.outcomes] == ids


def test_hosted_marks_stay_where_a_log_lacks_the_item(imported: Imported) -> None:
    for one in imported.evals:
        log = read_log(one.logs[0][1])
        assert remarked(log) == log.outcomes


def run_cli(*words: str) -> Any:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_saved_answers_are_marked_anew_and_runs_compared(
    imported: Imported, tmp_path: Path
) -> None:
    answers = str(imported.answers[0])
    where = ["--registry", str(imported.out), "--out", str(tmp_path / "run")]
    done = run_cli("run", "support-tickets.match.v1", "-m", f"recorded:{answers}", *where)
    assert done.exit_code == 0
    assert "67%" in done.stdout
    logs = [str(path) for _, path in imported.evals[0].logs]
    done = run_cli("compare", *logs, "--out", str(tmp_path / "compared"))
    assert done.exit_code == 0
    assert "1 fixed, 0 broken" in done.stdout


def test_the_command_says_how_to_go_on(save: Save, tmp_path: Path) -> None:
    save("all.json", [eval_object(), run_object(), *outputs(0, "Hardware", "x", "x")])
    out = tmp_path / "my out"
    done = run_cli("import", "hosted-eval", str(tmp_path / "saved"), "--out", str(out))
    assert done.exit_code == 0
    assert f"harness run support-tickets.match.v1 --registry '{out}' --model MODEL" in done.stdout
    assert "recorded:" in done.stdout
    with pytest.raises(UsageError, match="no kind of import 'hosted'; did you mean 'hosted-eval'"):
        run_cli("import", "hosted", str(tmp_path), "--out", str(out))


def test_a_lone_criterion_has_the_bare_name_too(save: Save, tmp_path: Path) -> None:
    files = [save("eval.json", eval_object()), save("run.json", run_object())]
    imported = import_hosted(files, tmp_path / "out")
    assert load_registry([imported.out]).eval("support-tickets").name == "support-tickets.match.v1"
    assert "no output items of run run_0" in imported.notes[0]
    assert imported.evals[0].logs == ()


@pytest.mark.parametrize("kind", ["logs", "stored_completions"])
def test_stored_completions_bring_their_prompts_in_the_item(
    save: Save, tmp_path: Path, kind: str
) -> None:
    config = {"type": kind, "schema": {}, "metadata": {}}
    items = []
    for place in range(2):
        asked = [{"role": "user", "content": f"Q{place}"}]
        one = output_item(0, place, "A", datasource_item={"input": asked})
        one["sample"]["input"] = []
        items.append(one)
    source = {"source": {"type": "stored_completions"}, "input_messages": None}
    files = [
        save("eval.json", eval_object(data_source_config=config)),
        save("run.json", run_object(**source)),
        save("items.jsonl", *items),
    ]
    imported = import_hosted(files, tmp_path / "out")
    lines = [json.loads(line) for line in imported.samples[0][0].read_text().splitlines()]
    assert [line["input"][0]["content"] for line in lines] == ["Q0", "Q1"]


def test_jsonl_runs_bring_their_answers_with_the_data(save: Save, tmp_path: Path) -> None:
    content = [{"item": i, "sample": {"output_text": f"{i['label']}!"}} for i in ITEMS[:2]]
    source = {"type": "jsonl", "source": {"type": "file_content", "content": content}}
    run = run_object(**source)
    run["data_source"] = source
    items = []
    for place, row in enumerate(content):
        one = output_item(0, place, "x", datasource_item=row)
        one["sample"] |= {"input": [], "output": []}
        items.append(one)
    files = [save("e.json", eval_object()), save("r.json", run), save("i.jsonl", *items)]
    imported = import_hosted(files, tmp_path / "out")
    answers = [json.loads(line) for line in imported.answers[0].read_text().splitlines()]
    assert [one["completion"] for one in answers] == ["Hardware!", "Software!"]
    assert any("prompts of 2 items were not saved" in note for note in imported.notes)


def test_an_uploaded_data_file_stands_in_for_its_id(save: Save, tmp_path: Path) -> None:
    files = [
        save("eval.json", eval_object()),
        save("run.json", run_object(source={"type": "file_id", "id": "file-9"})),
        save("file-9.jsonl", *({"item": item} for item in ITEMS)),
    ]
    imported = import_hosted(files, tmp_path / "out")
    assert imported.samples[0][1] == 3


def test_a_prompt_may_be_a_trajectory_in_the_item(save: Save, tmp_path: Path) -> None:
    item = {"past": [{"role": "user", "content": "Hi"}], "label": "x"}
    source = {
        "source": {"type": "file_content", "content": [{"item": item}]},
        "input_messages": {"type": "item_reference", "item_reference": "item.past"},
    }
    files = [save("eval.json", eval_object()), save("run.json", run_object(**source))]
    imported = import_hosted(files, tmp_path / "out")
    line = json.loads(imported.samples[0][0].read_text())
    assert line["input"] == item["past"]


def test_equal_items_stay_different_samples(save: Save, tmp_path: Path) -> None:
    twins = [output_item(0, 0, "Hardware"), output_item(0, 0, "x", id="oi_twin")]
    files = [save("e.json", eval_object()), save("r.json", run_object()), save("i.jsonl", *twins)]
    imported = import_hosted(files, tmp_path / "out")
    assert imported.samples[0][1] == 2
    log = read_log(imported.evals[0].logs[0][1])
    assert [o.scores["accuracy"].value for o in log.outcomes] == [1.0, 0.0]


def test_a_failed_answer_is_a_failure_not_a_wrong_answer(save: Save, tmp_path: Path) -> None:
    failed = output_item(0, 0, "", results=[])
    failed["sample"] |= {"output": [], "error": {"code": "500", "message": "server_error"}}
    unmarked = output_item(0, 1, "Software", results=[])
    files = [
        save("e.json", eval_object()),
        save("r.json", run_object()),
        save("i.jsonl", failed, unmarked),
    ]
    imported = import_hosted(files, tmp_path / "out")
    first, second = read_log(imported.evals[0].logs[0][1]).outcomes
    assert first.failure is not None
    assert "server_error" in first.failure.message
    assert second.scores["accuracy"].value is None


def test_what_cannot_run_here_is_said_and_left_out(save: Save, tmp_path: Path) -> None:
    strange = {**MATCH, "type": "endpoint", "name": "Far"}
    picture = {**JUDGE, "input": [{"role": "user", "content": {"type": "input_image"}}]}
    cosine = {**NEAR, "evaluation_metric": "cosine"}
    raw = eval_object()
    raw["testing_criteria"] = [strange, picture, cosine]
    files = [save("e.json", raw), save("r.json", run_object())]
    imported = import_hosted(files, tmp_path / "out")
    assert [one.runnable for one in imported.evals] == [False, False, True]
    notes = "\n".join(imported.notes)
    assert "grader type 'endpoint' is not known here" in notes
    assert "no images" in notes
    assert "cosine is of word counts here" in notes
    assert list(load_registry([imported.out]).matching(["support-tickets.*"])) == [
        "support-tickets.near.v1"
    ]


# --- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([{"hello": 1}], "holds no eval, run or output item; save what"),
        ([run_object()], "belongs to eval eval_1, which is in none of the files"),
        ([eval_object(), outputs(0, "x")[0]], "output items of run run_0, which is in none"),
        ([eval_object()], "eval 'Support Tickets' has no data; save its runs' output items"),
        ([{"object": "eval"}], "this eval has no 'id'; save the whole object"),
        ([{**run_object(), "eval_id": None}, eval_object()], "this eval.run has no 'eval_id'"),
        (
            [{**eval_object(), "testing_criteria": None}, run_object()],
            "this eval has no testing_criteria",
        ),
    ],
)
def test_what_is_missing_is_named_with_its_file(
    save: Save, tmp_path: Path, objects: list[Any], said: str
) -> None:
    path = save("saved.jsonl", *objects)
    with pytest.raises(DatasetError) as caught:
        import_hosted([path], tmp_path / "out")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "broken JSON"),
        ("{", "broken JSON"),
        ('{"object": "eval"\n', "broken JSON"),
        ('{"a": 1}\n{"a": \n', ":2: broken JSON"),
        ("[" * 100_000, "broken JSON"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_broken_files_are_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError) as caught:
        import_hosted([path], tmp_path / "out")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        import_hosted([tmp_path / "nothing.json"], tmp_path / "out")
    with pytest.raises(DatasetError, match=r"holds no \.json or \.jsonl"):
        import_hosted([tmp_path], tmp_path / "out")


def test_a_page_that_goes_on_is_noted(save: Save, tmp_path: Path) -> None:
    page = {"object": "list", "data": [run_object()], "has_more": True}
    imported = import_hosted([save("e.json", eval_object()), save("p.json", page)], tmp_path / "o")
    assert "has_more" in imported.notes[0]


def test_nothing_is_replaced_unless_asked(imported: Imported, tmp_path: Path) -> None:
    before = imported.samples[0][0].read_bytes()
    with pytest.raises(UsageError, match=r"is there already; add --overwrite"):
        import_hosted([tmp_path / "saved"], imported.out)
    import_hosted([tmp_path / "saved"], imported.out, overwrite=True)
    assert imported.samples[0][0].read_bytes() == before


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "..", "a/b", "key", "*", "é", "x" * 999]
)
def test_names_never_leave_the_folder(save: Save, tmp_path: Path, name: str) -> None:
    criteria = [{**MATCH, "name": name}, {**MATCH, "name": name, "id": "2"}]
    run = {**run_object(), "name": name}
    files = [
        save("e.json", eval_object(*criteria, name=name)),
        save("r.json", run),
        save("i.jsonl", *outputs(0, "Hardware", "x", "x")),
    ]
    out = tmp_path / "out"
    imported = import_hosted(files, out)
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - set(files)
    assert written
    assert all(path.resolve().is_relative_to(out.resolve()) for path in written)
    assert len({one.name for one in imported.evals}) == 2
    for one in imported.evals:
        load_registry([out]).eval(one.name)


def test_a_link_out_of_the_folder_is_refused(save: Save, tmp_path: Path) -> None:
    files = [save("e.json", eval_object()), save("r.json", run_object())]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "evals").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="leads out of"):
        import_hosted(files, tmp_path / "out")


def test_names_are_safe_and_different() -> None:
    names = ["A b", "a-B", "", "group", "a-b-2"]
    assert unique_names(names) == ["a-b", "a-b-2", "unnamed", "hosted-group", "a-b-2-2"]


def test_texts_of_strangers_stay_texts_in_the_registry(save: Save, tmp_path: Path) -> None:
    trap = "x: !!python/object:os.system\n- *a\n&b {{ '\u2028 # \""
    raw = eval_object({**MATCH, "reference": "yes\n&a !!x # no"}, name=trap)
    imported = import_hosted([save("e.json", raw), save("r.json", run_object())], tmp_path / "out")
    spec = load_registry([imported.out]).eval(imported.evals[0].name)
    assert spec.args["reference"] == "yes\n&a !!x # no"


EXAMPLE = Path(__file__).parents[2] / "docs" / "hosted-example"


def test_the_example_of_the_docs_has_the_apis_shapes_and_its_marks_are_ours(tmp_path: Path) -> None:
    EvalRetrieveResponse.model_validate_json((EXAMPLE / "eval.json").read_text())
    for line in (EXAMPLE / "runs.jsonl").read_text().splitlines():
        no_error = {"error": {"code": "", "message": ""}}
        RunRetrieveResponse.model_validate({**json.loads(line), **no_error})
    imported = import_hosted([EXAMPLE], tmp_path / "out")
    registry = load_registry([imported.out])
    for one in imported.evals:
        grader = make_grader(registry.eval(one.name), allow_code=frozenset({"python"}))
        spec = registry.eval(one.name)
        samples = {sample.id: sample for sample in read_samples(spec.samples, spec.name)}
        for outcome in read_log(one.logs[0][1]).outcomes:
            assert outcome.completion is not None
            mark = asyncio.run(grader.grade(samples[outcome.sample_id], outcome.completion))
            assert mark.value == outcome.scores["accuracy"].value
