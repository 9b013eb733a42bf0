"""The server as its users meet it: the real openai client over a real socket."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from openai.types.fine_tuning import FineTuningJob

from harness.embedded import server as server_module
from harness.embedded.serving import running_server

QUESTION = [{"role": "user", "content": "the courier was late, what is the topic?"}]
FINISHED = ("succeeded", "failed", "cancelled")


@pytest.fixture(scope="module")
def client(embedded_server: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=embedded_server, api_key="none", max_retries=0) as client:
        yield client


def ask(client: openai.OpenAI, **changes: Any) -> Any:
    options = {"model": "tiny-base", "messages": QUESTION, "temperature": 1.0, "seed": 3}
    return client.chat.completions.create(**(options | changes))


def texts(reply: Any) -> list[str]:
    return [choice.message.content for choice in reply.choices]


# --- chat ----------------------------------------------------------------------------


def test_n_choices_come_back_and_differ(client: openai.OpenAI) -> None:
    reply = ask(client, n=5)
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3, 4]
    assert len(set(texts(reply))) > 1


def test_the_same_seed_gives_the_same_text(client: openai.OpenAI) -> None:
    assert texts(ask(client, n=3, seed=8)) == texts(ask(client, n=3, seed=8))
    assert texts(ask(client, n=3, seed=8)) != texts(ask(client, n=3, seed=9))


def test_a_negative_seed_is_a_seed_too(client: openai.OpenAI) -> None:
    assert texts(ask(client, seed=-8)) == texts(ask(client, seed=-8))


def test_without_a_seed_answers_vary(client: openai.OpenAI) -> None:
    assert len({texts(ask(client, seed=None))[0] for _ in range(8)}) > 1


def test_temperature_zero_is_greedy_whatever_the_seed(client: openai.OpenAI) -> None:
    assert texts(ask(client, temperature=0, seed=1)) == texts(ask(client, temperature=0, seed=2))


def test_usage_counts_the_prompt_once_for_all_choices(client: openai.OpenAI) -> None:
    one, three = ask(client, n=1).usage, ask(client, n=3).usage
    assert one.prompt_tokens == three.prompt_tokens > 5
    assert three.total_tokens == three.prompt_tokens + three.completion_tokens


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_both_names_of_the_token_limit_cut_the_answer(client: openai.OpenAI, limit: str) -> None:
    reply = ask(client, **{limit: 1})
    assert reply.usage.completion_tokens == 1
    assert reply.choices[0].finish_reason == "length"


def test_logprobs_describe_each_token_of_the_text(client: openai.OpenAI) -> None:
    choice = ask(client, logprobs=True, top_logprobs=3).choices[0]
    tokens = choice.logprobs.content
    assert "".join(token.token for token in tokens) == choice.message.content
    assert bytes(b for token in tokens for b in token.bytes).decode() == choice.message.content
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in tokens)


def test_logprobs_are_left_out_unless_asked_for(client: openai.OpenAI) -> None:
    assert ask(client).choices[0].logprobs is None
    assert ask(client, logprobs=True).choices[0].logprobs.content[0].top_logprobs == []


@pytest.mark.parametrize("as_list", [False, True])
def test_the_text_ends_before_a_stop_sequence(client: openai.OpenAI, as_list: bool) -> None:
    replies = ((seed, ask(client, logprobs=True, seed=seed)) for seed in range(100))
    seed, whole = next(found for found in replies if len(texts(found[1])[0].split()) > 2)
    stop = texts(whole)[0].split()[1]
    stops = ["zzz", stop] if as_list else stop
    choice = ask(client, logprobs=True, seed=seed, stop=stops).choices[0]
    assert choice.message.content == texts(whole)[0][: texts(whole)[0].index(stop)]
    assert choice.finish_reason == "stop"
    assert len(choice.logprobs.content) < len(whole.choices[0].logprobs.content)


def test_a_stream_carries_the_same_text_and_then_the_usage(client: openai.OpenAI) -> None:
    whole = ask(client, n=2, logprobs=True)
    streamed, logprobs, usage = ["", ""], [0, 0], None
    chunks = ask(client, n=2, logprobs=True, stream=True, stream_options={"include_usage": True})
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
            logprobs[choice.index] += len(choice.logprobs.content) if choice.logprobs else 0
    assert streamed == texts(whole)
    assert logprobs == [len(choice.logprobs.content) for choice in whole.choices]
    assert usage == whole.usage


def test_a_stream_without_the_option_has_no_usage(client: openai.OpenAI) -> None:
    chunks = list(ask(client, stream=True))
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


def test_content_parts_and_developer_messages_are_read(client: openai.OpenAI) -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": QUESTION[0]["content"]}]}]
    assert texts(ask(client, messages=parts)) == texts(ask(client))
    roles = [[{"role": role, "content": "be brief"}, *QUESTION] for role in ("system", "developer")]
    assert texts(ask(client, messages=roles[0])) == texts(ask(client, messages=roles[1]))


async def test_many_requests_at_a_time_get_their_own_answers(embedded_server: str) -> None:
    async with openai.AsyncOpenAI(base_url=embedded_server, api_key="none") as client:

        async def answer(seed: int) -> str | None:
            reply = await client.chat.completions.create(
                model="tiny-base", messages=QUESTION, seed=seed, temperature=1.0
            )
            return reply.choices[0].message.content

        first = await asyncio.gather(*(answer(seed) for seed in range(20)))
        again = await asyncio.gather(*(answer(seed) for seed in reversed(range(20))))
    assert first == again[::-1]
    assert len(set(first)) > 5


# --- completions ---------------------------------------------------------------------


def complete(client: openai.OpenAI, **changes: Any) -> Any:
    options = {"model": "tiny-base", "prompt": "the courier", "seed": 3, "max_tokens": 8}
    return client.completions.create(**(options | changes))


def test_completions_answer_every_prompt_n_times(client: openai.OpenAI) -> None:
    reply = complete(client, prompt=["the courier", "my invoice"], n=2)
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3]
    assert [c.text for c in reply.choices[:2]] == [c.text for c in complete(client, n=2).choices]


def test_completions_have_logprobs_in_parallel_lists(client: openai.OpenAI) -> None:
    choice = complete(client, logprobs=2).choices[0]
    lists = choice.logprobs
    assert "".join(lists.tokens) == choice.text
    assert len(lists.token_logprobs) == len(lists.text_offset) == len(lists.tokens)
    assert all(len(top) == 2 for top in lists.top_logprobs)
    ends = [*lists.text_offset[1:], len(choice.text)]
    spans = zip(lists.text_offset, ends, strict=True)
    assert [choice.text[start:end] for start, end in spans] == lists.tokens


def test_completions_stop_and_stream(client: openai.OpenAI) -> None:
    replies = ((seed, complete(client, seed=seed).choices[0].text) for seed in range(100))
    seed, text = next(found for found in replies if len(found[1]) > 10)
    stop = text[3:6]
    stopped = complete(client, seed=seed, stop=stop).choices[0]
    assert (stopped.text, stopped.finish_reason) == (text[: text.index(stop)], "stop")
    chunks = list(complete(client, seed=seed, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == text


def test_an_empty_prompt_is_continued(client: openai.OpenAI) -> None:
    assert complete(client, prompt="").usage.prompt_tokens == 1


# --- refusals ------------------------------------------------------------------------


def test_an_unknown_model_is_not_found_and_the_nearest_are_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="tiny-base") as caught:
        ask(client, model="tiny-bass")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4.1")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"n": 0}, "n"),
        ({"n": 100_000}, "n"),
        ({"n": "2"}, "n"),
        ({"n": True}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": 7}, "stop"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 99}, "top_logprobs"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"extra_body": {"beam_width": 4}}, "beam_width"),
        ({"messages": [{"role": "user", "content": "zyx " * 60}]}, "messages"),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_named(
    client: openai.OpenAI, changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **changes)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "changes", [{"echo": True}, {"suffix": "x"}, {"logprobs": 6}, {"prompt": []}]
)
def test_completions_refuse_what_they_cannot_do(
    client: openai.OpenAI, changes: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, **changes)
    assert caught.value.param == next(iter(changes))


def raw(
    base_url: str, method: str, path: str, body: bytes = b"", headers: Any = None
) -> tuple[int, Any]:
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.request(method, path, body, headers or {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, content


CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_a_400(embedded_server: str, body: bytes) -> None:
    status, content = raw(embedded_server, "POST", CHAT, body)
    assert status == 400
    assert content["error"]["type"] == "invalid_request_error"


def test_missing_parameters_are_named(embedded_server: str) -> None:
    status, content = raw(embedded_server, "POST", CHAT, b'{"model": "tiny-base"}')
    assert status == 400
    assert content["error"]["param"] == "messages"
    assert content["error"]["code"] == "missing_required_parameter"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nowhere", 404),
        ("GET", "/", 404),
        ("GET", CHAT, 405),
        ("PUT", "/v1/models", 405),
    ],
)
def test_unknown_routes_answer_in_json(
    embedded_server: str, method: str, path: str, status: int
) -> None:
    got, content = raw(embedded_server, method, path)
    assert got == status
    assert path in content["error"]["message"]


def test_an_oversized_body_is_refused_in_words(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="larger than"):
        ask(client, messages=[{"role": "user", "content": "x" * server_module.MOST_JSON_BYTES}])


def test_an_oversized_upload_is_refused_in_words(client: openai.OpenAI) -> None:
    data = io.BytesIO(b"x" * (server_module.MOST_UPLOAD_BYTES + 1))
    with pytest.raises(openai.BadRequestError, match="larger than"):
        client.files.create(file=("big.jsonl", data), purpose="fine-tune")


def test_a_server_with_a_key_lets_nobody_in_without_it() -> None:
    with (
        running_server(api_key="right") as base_url,
        openai.OpenAI(base_url=base_url, api_key="wrong") as stranger,
        openai.OpenAI(base_url=base_url, api_key="right") as client,
    ):
        with pytest.raises(openai.AuthenticationError) as caught:
            stranger.models.list()
        assert caught.value.code == "invalid_api_key"
        assert [model.id for model in client.models.list()] == ["tiny-base"]


# --- files ---------------------------------------------------------------------------


def upload(client: openai.OpenAI, data: bytes | Path) -> str:
    content = data if isinstance(data, bytes) else data.read_bytes()
    return client.files.create(file=("f.jsonl", content), purpose="fine-tune").id


def test_files_come_back_as_they_were_until_deleted(client: openai.OpenAI) -> None:
    stored = client.files.create(file=("näme.jsonl", b"one\r\ntwo"), purpose="fine-tune")
    assert (stored.filename, stored.bytes, stored.status) == ("näme.jsonl", 8, "processed")
    assert client.files.content(stored.id).content == b"one\r\ntwo"
    assert stored in list(client.files.list(purpose="fine-tune"))
    assert client.files.delete(stored.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(stored.id)


def test_file_lists_page_newest_first(client: openai.OpenAI) -> None:
    ids = [upload(client, f"{i}".encode()) for i in range(3)]
    assert [file.id for file in client.files.list(limit=2)][:3] == ids[::-1]


def test_uploads_need_a_known_purpose_and_content(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("f", b"x"), purpose="mischief")  # type: ignore[arg-type]
    assert caught.value.param == "purpose"
    with pytest.raises(openai.BadRequestError):
        client.files.create(file=("f", b""), purpose="fine-tune")


# --- fine-tuning ---------------------------------------------------------------------


def tuned(
    client: openai.OpenAI, files: tuple[str, str | None], epochs: int | str = 2, **options: Any
) -> FineTuningJob:
    """Create a job and poll it until it has finished."""
    extra = {} if files[1] is None else {"validation_file": files[1]}
    job = client.fine_tuning.jobs.create(
        model="tiny-base",
        training_file=files[0],
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}},
        **(extra | options),
    )
    assert job.status == "validating_files"
    return finished(client, job.id)


def finished(client: openai.OpenAI, job_id: str) -> FineTuningJob:
    deadline = time.monotonic() + 3000
    while time.monotonic() < deadline:
        job = client.fine_tuning.jobs.retrieve(job_id)
        if job.status in FINISHED:
            return job
        time.sleep(0.02)
    raise AssertionError(f"{job_id} is still {job.status}")


@pytest.fixture(scope="module")
def uploaded(client: openai.OpenAI, triage_files: tuple[Path, Path]) -> tuple[str, str]:
    return upload(client, triage_files[0]), upload(client, triage_files[1])


@pytest.fixture(scope="module")
def job(client: openai.OpenAI, uploaded: tuple[str, str]) -> FineTuningJob:
    return tuned(client, uploaded, seed=1, suffix="triage")


def test_a_job_carries_what_it_was_made_with(job: FineTuningJob) -> None:
    assert job.status == "succeeded"
    assert job.fine_tuned_model is not None
    assert job.fine_tuned_model.startswith("ft:tiny-base:embedded:triage:")
    assert job.method is not None
    assert job.method.supervised is not None
    for hyperparameters in (job.hyperparameters, job.method.supervised.hyperparameters):
        assert hyperparameters is not None
        assert hyperparameters.n_epochs == 2
        assert hyperparameters.batch_size == 4
        assert hyperparameters.learning_rate_multiplier == 1.0
    assert (job.seed, job.error) == (1, None)
    assert (job.trained_tokens or 0) > 100
    assert (job.finished_at or 0) >= job.created_at


def test_a_tuned_model_is_listed_and_can_be_asked(
    client: openai.OpenAI, job: FineTuningJob
) -> None:
    assert job.fine_tuned_model in [model.id for model in client.models.list()]
    assert client.models.retrieve(job.fine_tuned_model or "").owned_by == "embedded"
    assert ask(client, model=job.fine_tuned_model).model == job.fine_tuned_model


def test_there_is_a_checkpoint_for_every_epoch(client: openai.OpenAI, job: FineTuningJob) -> None:
    found = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert [c.fine_tuned_model_checkpoint for c in found] == [
        job.fine_tuned_model,
        f"{job.fine_tuned_model}:ckpt-step-6",
    ]
    assert [c.step_number for c in found] == [12, 6]
    for one in found:
        assert ask(client, model=one.fine_tuned_model_checkpoint)
        assert all(value is not None for value in one.metrics.model_dump().values())


def test_events_page_newest_first_to_the_very_first(
    client: openai.OpenAI, job: FineTuningJob
) -> None:
    pages = client.fine_tuning.jobs.list_events(job.id, limit=3)
    assert len(pages.data) == 3
    assert pages.has_more
    events = list(pages)
    assert len({event.id for event in events}) == len(events) > 12
    assert events[0].message == "The job has successfully completed"
    assert events[-1].message == f"Created fine-tuning job: {job.id}"
    assert [event.created_at for event in events] == sorted(
        (event.created_at for event in events), reverse=True
    )


def test_metrics_events_measure_steps_and_at_epoch_ends_the_whole_validation_set(
    client: openai.OpenAI, job: FineTuningJob
) -> None:
    events = client.fine_tuning.jobs.list_events(job.id, limit=100)
    metrics: list[Any] = [event.data for event in events if event.type == "metrics"][::-1]
    assert [data["step"] for data in metrics] == list(range(1, 13))
    assert {data["total_steps"] for data in metrics} == {12}
    assert all(0 <= data["train_mean_token_accuracy"] <= 1 for data in metrics)
    measured = [data["step"] for data in metrics if data["full_valid_loss"] is not None]
    assert measured == [6, 12]
    assert metrics[-1]["full_valid_mean_token_accuracy"] == metrics[-1]["valid_mean_token_accuracy"]


def test_the_result_file_has_a_row_a_step_with_blanks(
    client: openai.OpenAI, job: FineTuningJob
) -> None:
    lines = client.files.content(job.result_files[0]).text.splitlines()
    assert lines[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert len(lines) == 13
    assert lines[1].endswith(",,")
    assert "" not in lines[6].split(",")


def test_the_same_job_gives_the_same_name_and_the_same_answers(
    client: openai.OpenAI, uploaded: tuple[str, str], job: FineTuningJob
) -> None:
    before = texts(ask(client, model=job.fine_tuned_model, n=4))
    again = tuned(client, uploaded, seed=1, suffix="triage")
    assert again.id != job.id
    assert again.fine_tuned_model == job.fine_tuned_model
    assert texts(ask(client, model=again.fine_tuned_model, n=4)) == before


def test_another_seed_or_epoch_count_has_another_name(
    client: openai.OpenAI, uploaded: tuple[str, str], job: FineTuningJob
) -> None:
    other_seed = tuned(client, uploaded, seed=2, suffix="triage")
    longer = tuned(client, uploaded, epochs=3, seed=1, suffix="triage")
    assert len({job.fine_tuned_model, other_seed.fine_tuned_model, longer.fine_tuned_model}) == 3


def test_tuning_teaches_what_the_base_cannot_know(
    client: openai.OpenAI, uploaded: tuple[str, str], triage_files: tuple[Path, Path]
) -> None:
    model = tuned(client, uploaded, epochs=12, seed=1).fine_tuned_model
    lines = map(json.loads, triage_files[0].read_text().splitlines())
    asked = [example["messages"] for example in lines]

    def score(name: str | None) -> float:
        right = [
            texts(ask(client, model=name, messages=chat[:-1], temperature=0))[0]
            == chat[-1]["content"]
            for chat in asked
        ]
        return sum(right) / len(right)

    assert score("tiny-base") < 0.2
    assert score(model) > 0.8


def test_auto_hyperparameters_depend_on_the_number_of_examples(
    client: openai.OpenAI, uploaded: tuple[str, str]
) -> None:
    created = client.fine_tuning.jobs.create(model="tiny-base", training_file=uploaded[0])
    assert created.hyperparameters.n_epochs == "auto"
    assert finished(client, created.id).hyperparameters.n_epochs == 100 // 24


def test_the_older_place_of_hyperparameters_works(
    client: openai.OpenAI, uploaded: tuple[str, str]
) -> None:
    created = client.fine_tuning.jobs.create(
        model="tiny-base",
        training_file=uploaded[0],
        hyperparameters={"n_epochs": 1, "batch_size": 8, "learning_rate_multiplier": 0.5},
    )
    done = finished(client, created.id)
    assert done.hyperparameters.model_dump() == {
        "n_epochs": 1,
        "batch_size": 8,
        "learning_rate_multiplier": 0.5,
    }


def test_a_tuned_model_can_be_tuned_further(
    client: openai.OpenAI, uploaded: tuple[str, str], job: FineTuningJob
) -> None:
    created = client.fine_tuning.jobs.create(
        model=job.fine_tuned_model or "",
        training_file=uploaded[0],
        hyperparameters={"n_epochs": 1},
    )
    done = finished(client, created.id)
    assert done.status == "succeeded"
    assert (done.fine_tuned_model or "").startswith("ft:tiny-base:embedded:")


def test_a_running_job_can_be_cancelled_and_keeps_its_checkpoints(
    client: openai.OpenAI, uploaded: tuple[str, str]
) -> None:
    created = client.fine_tuning.jobs.create(
        model="tiny-base", training_file=uploaded[0], hyperparameters={"n_epochs": 50}, seed=77
    )
    deadline = time.monotonic() + 30
    while not (kept := client.fine_tuning.jobs.checkpoints.list(created.id).data):
        assert time.monotonic() < deadline
    waiting = client.fine_tuning.jobs.create(model="tiny-base", training_file=uploaded[0])
    assert client.fine_tuning.jobs.cancel(waiting.id).status == "cancelled"
    assert client.fine_tuning.jobs.cancel(created.id).status == "cancelled"
    done = client.fine_tuning.jobs.retrieve(created.id)
    assert (done.status, done.fine_tuned_model) == ("cancelled", None)
    assert ask(client, model=kept[0].fine_tuned_model_checkpoint)
    with pytest.raises(openai.BadRequestError, match="already"):
        client.fine_tuning.jobs.cancel(created.id)


def test_jobs_are_listed_newest_first(client: openai.OpenAI, uploaded: tuple[str, str]) -> None:
    last = tuned(client, uploaded, epochs=1)
    assert client.fine_tuning.jobs.list(limit=1).data[0].id == last.id


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not JSON"),
        (b"[]", "list"),
        (b'{"messages": []}', "assistant"),
        (b'{"prompt": "a", "completion": "b"}', "messages"),
        (b'{"messages": [{"role": "user", "content": "x"}]}', "assistant"),
        (b'{"messages": [{"role": "assistant", "content": null}]}', "content"),
        (b'{"messages": [{"role": "robot", "content": "x"}]}', "role"),
        (b'{"messages": [{"role": "assistant", "content": "x", "weight": 0}]}', "weight"),
        (b'{"messages": [{"role": "assistant", "content": "x"}], "tools": []}', "tools"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_bad_training_file_fails_the_job_and_names_the_line(
    client: openai.OpenAI, triage_files: tuple[Path, Path], line: bytes, problem: str
) -> None:
    lines = triage_files[0].read_bytes().splitlines()
    bad = upload(client, b"\n".join([*lines[:4], line, *lines[4:]]))
    job = tuned(client, (bad, None))
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error.code, job.error.param) == ("invalid_training_file", "training_file")
    assert "line 5" in job.error.message
    assert problem in job.error.message


def test_too_few_examples_fail_the_job(
    client: openai.OpenAI, triage_files: tuple[Path, Path]
) -> None:
    few = upload(client, b"\n".join(triage_files[0].read_bytes().splitlines()[:9]))
    job = tuned(client, (few, None))
    assert job.error is not None
    assert "at least 10" in job.error.message


def test_a_bad_validation_file_is_told_apart(client: openai.OpenAI, uploaded: Any) -> None:
    job = tuned(client, (uploaded[0], upload(client, b"{}")))
    assert job.error is not None
    assert job.error.param == "validation_file"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"training_file": "file-none"}, "training_file"),
        ({"validation_file": "file-none"}, "validation_file"),
        ({"suffix": "spaces are bad"}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs"),
        ({"hyperparameters": {"n_epochs": "many"}}, "hyperparameters.n_epochs"),
        ({"method": {"type": "dpo"}}, "method.type"),
    ],
)
def test_a_job_that_cannot_be_is_refused_at_once(
    client: openai.OpenAI, uploaded: tuple[str, str], changes: dict[str, Any], param: str
) -> None:
    options = {"model": "tiny-base", "training_file": uploaded[0]} | changes
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.jobs.create(**options)
    assert caught.value.param == param


def test_files_of_another_purpose_are_not_trained_on(client: openai.OpenAI) -> None:
    batch = client.files.create(file=("b.jsonl", b"{}"), purpose="batch")
    with pytest.raises(openai.BadRequestError, match="fine-tune"):
        client.fine_tuning.jobs.create(model="tiny-base", training_file=batch.id)


def test_unknown_jobs_models_and_cursors_are_refused(
    client: openai.OpenAI, uploaded: tuple[str, str], job: FineTuningJob
) -> None:
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.retrieve("ftjob-none")
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.create(model="gpt-4.1", training_file=uploaded[0])
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.list_events(job.id, after="ftevent-none")
    with pytest.raises(openai.BadRequestError):
        client.fine_tuning.jobs.list_events(job.id, limit=1000)


def test_tuned_models_can_be_deleted_and_the_base_cannot(
    client: openai.OpenAI, uploaded: tuple[str, str]
) -> None:
    model = tuned(client, uploaded, epochs=1, suffix="shortlived").fine_tuned_model or ""
    assert client.models.delete(model).deleted
    with pytest.raises(openai.NotFoundError):
        ask(client, model=model)
    with pytest.raises(openai.PermissionDeniedError):
        client.models.delete("tiny-base")
