from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.errors import DatasetError, ModelNotFound, NotRecorded, TooFewChoices
from harness.models.recorded import RecordedProvider
from harness.records import Completion, Failure, Outcome, Request, Sampling, Usage
from harness.running.journal import Journal

SYSTEM = {"role": "system", "content": "Be brief."}
HELLO = {"role": "user", "content": "Hello"}


def file_of(folder: Path, *lines: Any) -> Path:
    path = folder / "answers.jsonl"
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return path


async def texts(path: Path, request: Request) -> list[str]:
    async with RecordedProvider(path) as provider:
        completions = await provider.complete(request)
    assert all(completion.replayed for completion in completions)
    return [completion.text for completion in completions]


@pytest.mark.parametrize(
    "line",
    [
        {"prompt": "Hello", "completion": "Hi"},
        {"prompt": "Hello", "text": "Hi"},
        {"prompt": "Hello", "completions": ["Hi", "Ho"]},
        {"prompt": "Hello", "completion": {"text": "Hi", "finish_reason": "stop"}},
        {"prompt": "Be brief.\nUser: Hello\nAssistant:", "completion": "Hi"},
        {"messages": [SYSTEM, HELLO], "completion": "Hi"},
        {"messages": [{"content": "Be brief.", "role": "system"}, HELLO], "completion": "Hi"},
        {"request_key": Request("m", (SYSTEM, HELLO)).key, "completion": "Hi"},
        {"sample_id": "greet.dev.0", "completion": "Hi"},
        {"sample_id": "greet.dev.0", "model": "m", "completion": "Hi"},
    ],
)
async def test_an_answer_is_found_by_each_of_its_names(tmp_path: Path, line: Any) -> None:
    request = Request("m", (SYSTEM, HELLO), sample_id="greet.dev.0")
    assert await texts(file_of(tmp_path, line), request) == ["Hi"]


async def test_the_surest_name_wins(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        {"sample_id": "s", "completion": "by id"},
        {"prompt": "Hello", "completion": "by prompt"},
        {"messages": [SYSTEM, HELLO], "completion": "by messages"},
    )
    assert await texts(path, Request("m", (SYSTEM, HELLO), sample_id="s")) == ["by messages"]
    assert await texts(path, Request("m", (HELLO,), sample_id="s")) == ["by prompt"]
    assert await texts(path, Request("m", (SYSTEM,), sample_id="s")) == ["by id"]


async def test_a_line_with_a_model_answers_for_no_other(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        {"prompt": "Hello", "model": "tuned", "completion": "tuned's"},
        {"prompt": "Hello", "model": "base", "completion": "base's"},
    )
    assert await texts(path, Request("base", (HELLO,))) == ["base's"]
    with pytest.raises(NotRecorded):
        await texts(path, Request("other", (HELLO,)))


async def test_several_answers_to_a_prompt_are_its_repeats(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        {"prompt": "Hello", "completions": ["a", "b"]},
        {"prompt": "Hello", "completions": ["c", "d"]},
    )
    two = Sampling(n=2)
    assert await texts(path, Request("m", (HELLO,), repeat=2)) == ["c"]
    assert await texts(path, Request("m", (HELLO,), two, repeat=1)) == ["c", "d"]
    with pytest.raises(NotRecorded, match="repeat 4"):
        await texts(path, Request("m", (HELLO,), repeat=4))


async def test_too_few_answers_keep_those_there_are(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"prompt": "Hello", "completion": "a"})
    with pytest.raises(TooFewChoices, match="only 1 of 3") as caught:
        await texts(path, Request("m", (HELLO,), Sampling(n=3)))
    assert len(caught.value.completions) == 1


async def test_a_missing_answer_names_the_file_and_the_prompt(tmp_path: Path) -> None:
    path = file_of(tmp_path, {"prompt": "Hello", "completion": "a"})
    with pytest.raises(NotRecorded) as caught:
        await texts(path, Request("m", ({"role": "user", "content": "What? " * 50},)))
    assert str(path) in str(caught.value)
    assert "What? What?" in str(caught.value)
    assert not caught.value.retryable


async def test_details_of_an_answer_are_kept(tmp_path: Path) -> None:
    answer = {
        "text": "Hi",
        "finish_reason": "stop",
        "latency_s": 2,
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    path = file_of(tmp_path, {"prompt": "Hello", "completion": answer})
    async with RecordedProvider(path) as provider:
        [completion] = await provider.complete(Request("m", (HELLO,)))
    assert completion == Completion("Hi", "stop", Usage(3, 1), 2.0, replayed=True)


async def test_a_journal_is_replayed_by_request_key_in_repeat_order(tmp_path: Path) -> None:
    request = Request("m", (HELLO,), Sampling(n=2, temperature=1.0))
    with Journal.open(tmp_path / "journal.jsonl", "run") as journal:

        def write(repeat: int, text: str | None) -> None:
            completion = None if text is None else Completion(text)
            failure = Failure("rejected", "no") if text is None else None
            journal.append(Outcome("e", "m", "s", repeat, request.key, completion, {}, failure))

        write(1, "second")
        write(0, None)
        write(0, "outdated")
        write(0, "first")
    assert await texts(tmp_path / "journal.jsonl", request) == ["first", "second"]
    with pytest.raises(NotRecorded):
        await texts(tmp_path / "journal.jsonl", Request("m", (HELLO,)))


async def test_a_journals_torn_last_line_is_no_obstacle(tmp_path: Path) -> None:
    path, request = tmp_path / "journal.jsonl", Request("m", (HELLO,))
    with Journal.open(path, "run") as journal:
        journal.append(Outcome("e", "m", "s", 0, request.key, Completion("Hi")))
    path.write_bytes(path.read_bytes() + b'{"eval":"e","mod')
    assert await texts(path, request) == ["Hi"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "is not JSON"),
        ('{"prompt": "a", "completion": "b"', "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"completion": "b"}', "does not say what it answers"),
        ('{"prompt": "a"}', "has no answer"),
        ('{"prompt": "a", "completion": null}', "has no answer"),
        ('{"prompt": "a", "completion": 7}', "has no answer"),
        ('{"prompt": "a", "completions": []}', "has no answer"),
        ('{"prompt": "a", "completions": ["b", {"txt": "c"}]}', "has no answer"),
    ],
)
async def test_a_broken_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"prompt": "x", "completion": "y"}\n\n' + line)
    with pytest.raises(DatasetError, match=rf"answers\.jsonl:3: {complaint}"):
        await texts(path, Request("m", (HELLO,)))


@pytest.mark.parametrize("content", [None, ""])
async def test_a_file_without_answers_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "answers.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DatasetError, match=r"answers\.jsonl: "):
        await texts(path, Request("m", (HELLO,)))


async def test_recorded_calls_of_functions_are_repeated(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": "{}"}}
    path = file_of(tmp_path, {"sample_id": "a", "completion": {"text": "", "tool_calls": [call]}})
    async with RecordedProvider(path) as provider:
        [completion] = await provider.complete(Request("m", (HELLO,), sample_id="a"))
    assert completion.tool_calls == (call,)


def journal_of(folder: Path, *models: str) -> Path:
    """A run folder in which each model has said its own name."""
    folder.mkdir()
    with Journal.open(folder / "journal.jsonl", "run") as journal:
        for model in models:
            key = Request(model, (HELLO,)).key
            journal.append(Outcome("e", model, "s", 0, key, Completion(f"I am {model}")))
    return folder


@pytest.mark.parametrize("place", ["run", "run/journal.jsonl", "run#org/base"])
async def test_a_journal_of_one_model_answers_for_any_name(tmp_path: Path, place: str) -> None:
    journal_of(tmp_path / "run", "org/base")
    for name in ("org/base", "run", "something else"):
        assert await texts(tmp_path / place, Request(name, (HELLO,))) == ["I am org/base"]


async def test_a_journal_of_several_models_wants_one_named(tmp_path: Path) -> None:
    run = journal_of(tmp_path / "run", "base", "tuned")
    assert await texts(Path(f"{run}#tuned"), Request("run#tuned", (HELLO,))) == ["I am tuned"]
    assert await texts(run, Request("base", (HELLO,))) == ["I am base"]
    with pytest.raises(ModelNotFound, match="#MODEL: base, tuned"):
        await texts(run, Request("other", (HELLO,)))
    with pytest.raises(DatasetError, match="did you mean 'tuned'"):
        await texts(Path(f"{run}#tunned"), Request("x", (HELLO,)))


async def test_a_journal_answers_no_request_that_was_worded_otherwise(tmp_path: Path) -> None:
    run = journal_of(tmp_path / "run", "base")
    with pytest.raises(NotRecorded, match="the run's own eval, sampling"):
        await texts(run, Request("x", (HELLO,), Sampling(temperature=1.0)))


async def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no journal"):
        await texts(tmp_path, Request("m", (HELLO,)))


async def test_lines_of_one_model_are_chosen_by_name(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        {"prompt": "Hello", "model": "tuned", "completion": "tuned's"},
        {"prompt": "Hello", "model": "base", "completion": "base's"},
    )
    assert await texts(Path(f"{path}#tuned"), Request("x", (HELLO,))) == ["tuned's"]
