"""Tuning jobs on any server with OpenAI's ``/v1/fine_tuning/jobs``, through its own client.

The client is imported when a job is started or followed, and only here. Its errors become ours
here; answers are read as plain JSON, because other servers leave out what the client's types
promise.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.errors import (
    AuthenticationFailed,
    BadResponse,
    ModelNotFound,
    ProviderError,
    RateLimited,
    RequestRejected,
    ServerFailed,
    ServerUnreachable,
    UsageError,
    WrongAddress,
)
from harness.finetuning.exports import JobExport
from harness.finetuning.jobs import (
    FINISHED,
    TuningProgress,
    TuningRequest,
    file_bytes,
    progress_of,
    validation_bytes,
)

if TYPE_CHECKING:
    import openai

OPENAI_URL = "https://api.openai.com/v1"
TIMEOUT_S = 60.0
PAGE = 100
UPLOADING = ("pending", "running", "uploading", "notRunning")
"""File states that a job cannot start from yet, on servers that check files after the upload."""

MOST_UPLOAD_POLLS = 300
MOST_FAILURES = 12
"""So often in a row a server may fail to answer a follower; with the waits, some five minutes."""
LONGEST_WAIT_S = 30.0

Json = dict[str, Any]


class ApiTuning:
    """Jobs on a server. They run there whether or not anyone follows them."""

    def __init__(
        self,
        api_key: str,
        base_url: str = OPENAI_URL,
        poll_s: float = 2.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import openai

        check_address(base_url)
        if not (api_key.isascii() and api_key.isprintable()):
            raise UsageError("the API key has characters that no key has; look for line breaks")
        self._client = openai.OpenAI(api_key=api_key, base_url=base_url, timeout=TIMEOUT_S)
        self._poll_s = poll_s
        self._sleep = sleep

    @property
    def url(self) -> str:
        """Where the server is, without a query, which may hold a key."""
        return str(self._client.base_url).partition("?")[0].rstrip("/")

    def start(self, request: TuningRequest) -> str:
        """Upload the files, create the job, and return its id."""
        training = self._uploaded(request.training, file_bytes(request.training))
        validation = None
        if request.validation is not None:
            validation = self._uploaded(request.validation, validation_bytes(request.validation))
        body = request.body(training, validation)
        with self._translated(f"tuning {request.base!r}"):
            reply = self._client.fine_tuning.jobs.with_raw_response.create(**body)
        job_id = self._content(reply).get("id")
        if not isinstance(job_id, str):
            raise BadResponse(f"{self.url} created a job without an id; look for it on the server")
        return job_id

    def follow(self, job_id: str) -> Iterator[TuningProgress]:
        """Yield the job's events until it has finished, asking every few seconds.

        A server that stops answering for a while is asked again, less and less often: the job
        runs on without us.
        """
        seen: set[str] = set()
        told, failures, status = "", 0, None
        while status not in FINISHED:
            try:
                status = self._job(job_id).get("status")
                events = self._events(job_id, seen)
            except ProviderError as error:
                if not error.retryable or not seen or failures == MOST_FAILURES:
                    raise
                failures += 1
                told = yield from told_once(f"{error}; asking again", told)
                self._sleep(min(LONGEST_WAIT_S, self._poll_s * 2**failures))
                continue
            yield from map(progress_of, events)
            seen |= {identity(event) for event in events}
            failures = 0
            if status == "paused":
                told = yield from told_once(
                    f"Job {job_id} is paused: it goes on when you resume it on the server", told
                )
            if status not in FINISHED:
                self._sleep(self._poll_s)

    def export(self, job_id: str) -> JobExport:
        """Return the job's objects, and its result file where there is one."""
        job = self._job(job_id)
        jobs = self._client.fine_tuning.jobs
        checkpoints = self._pages(jobs.checkpoints.with_raw_response.list, job_id, set())
        events = self._events(job_id, set())
        return JobExport(job, events, checkpoints, self._result_file(job), server=self.url)

    def cancel(self, job_id: str) -> None:
        """Stop the job, unless it has finished."""
        if self._job(job_id).get("status") not in FINISHED:
            with self._translated(f"job {job_id}"):
                self._client.fine_tuning.jobs.with_raw_response.cancel(job_id)

    def close(self) -> None:
        """Close the connections; the jobs run on."""
        self._client.close()

    # --- the server's objects --------------------------------------------------------

    def _uploaded(self, path: Path, data: bytes) -> str:
        """Upload a training file, and wait until the server has looked at it."""
        with self._translated(f"uploading {path}"):
            reply = self._client.files.with_raw_response.create(
                file=(path.name, data), purpose="fine-tune"
            )
            stored = self._content(reply)
            for _ in range(MOST_UPLOAD_POLLS):
                if stored.get("status") not in UPLOADING:
                    break
                self._sleep(self._poll_s)
                file_id = str(stored.get("id"))
                stored = self._content(self._client.files.with_raw_response.retrieve(file_id))
        if not isinstance(stored.get("id"), str):
            raise BadResponse(f"{self.url} stored {path} without an id; upload it again")
        return str(stored["id"])

    def _job(self, job_id: str) -> Json:
        with self._translated(f"job {job_id}"):
            return self._content(self._client.fine_tuning.jobs.with_raw_response.retrieve(job_id))

    def _events(self, job_id: str, seen: set[str]) -> list[Json]:
        """The events that are not among the seen ones, oldest first."""
        return self._pages(
            self._client.fine_tuning.jobs.with_raw_response.list_events, job_id, seen
        )

    def _pages(self, fetch: Callable[..., Any], job_id: str, seen: set[str]) -> list[Json]:
        """A list that the server gives newest first, page by page, as far as it is new."""
        found: list[Json] = []
        after: dict[str, str] = {}
        while True:
            with self._translated(f"job {job_id}"):
                content = self._content(fetch(job_id, limit=PAGE, **after))
            page = [item for item in content.get("data") or [] if isinstance(item, dict)]
            new = [item for item in page if identity(item) not in seen]
            found += new
            if not new or len(new) < len(page) or not content.get("has_more"):
                return found[::-1]
            after = {"after": str(page[-1].get("id"))}

    def _result_file(self, job: Json) -> str | None:
        for file_id in job.get("result_files") or []:
            with self._translated(f"result file {file_id}"):
                return self._client.files.content(str(file_id)).text
        return None

    def _content(self, reply: Any) -> Json:
        """The JSON object of a raw reply."""
        try:
            content = json.loads(reply.http_response.content)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise WrongAddress(
                f"{self.url} answers, but not as an API; check --base-url: it usually ends in /v1"
            )
        return content

    # --- the server's refusals -------------------------------------------------------

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._refusal(error, what) from error
        except openai.APITimeoutError as error:
            raise ServerUnreachable(
                f"{what}: {self.url} did not answer in {TIMEOUT_S:.0f} s"
            ) from error
        except openai.APIConnectionError as error:
            raise ServerUnreachable(
                f"{what}: nothing answers at {self.url}; is the server running?"
            ) from error
        except openai.OpenAIError as error:
            raise BadResponse(f"{what}: {self.url}: {one_line(str(error))}") from error

    def _refusal(self, error: openai.APIStatusError, what: str) -> ProviderError:
        """The error that a refusal amounts to."""
        said = said_by(error)
        if error.status_code in (401, 403):
            return AuthenticationFailed(
                f"{what}: {self.url} refuses the API key ({error.status_code}): {said}"
            )
        if error.status_code == 404 and error.code == "model_not_found":
            return ModelNotFound(f"{what}: {said}")
        if error.status_code == 404 and is_about_an_object(error):
            return RequestRejected(f"{what}: not on {self.url}: {said}")
        if error.status_code in (404, 405, 501):
            return WrongAddress(
                f"{what}: {self.url} has no fine-tuning ({error.status_code}: {said}); choose a "
                "server with /v1/fine_tuning/jobs, or leave --base-url out for the embedded model"
            )
        if error.status_code == 429:
            return RateLimited(f"{what}: {self.url} limits the rate or the jobs: {said}")
        if error.status_code >= 500:
            return ServerFailed(f"{what}: {self.url} failed ({error.status_code}): {said}")
        return RequestRejected(f"{what}: {self.url} refuses ({error.status_code}): {said}")


def identity(item: Json) -> str:
    """Return what an object is told from others by: its id, or all of it."""
    return str(item.get("id") or json.dumps(item, sort_keys=True))


def told_once(message: str, last: str) -> Generator[TuningProgress, None, str]:
    """Yield a message as a warning, unless it was the last one; return what was last told."""
    if message != last:
        yield TuningProgress(message, level="warn")
    return message


def check_address(base_url: str) -> None:
    """Refuse what is no address before the client fails on it in words of its own."""
    try:
        address = urlsplit(base_url)
        fit = address.scheme in ("http", "https") and bool(address.hostname)
        fit = fit and address.port != 0 and address.username is None
    except ValueError:
        fit = False
    if not fit or not base_url.isprintable() or " " in base_url:
        raise UsageError(
            "--base-url is no http(s) address without a user; "
            "write it like http://127.0.0.1:8000/v1"
        )


def said_by(error: openai.APIStatusError) -> str:
    """Return what a server said, on one line."""
    body = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return one_line(str(message or error.message))


def is_about_an_object(error: openai.APIStatusError) -> bool:
    """Whether a 404 means an object that is not there, rather than a path that is not there.

    An API that knows the path says in its error object which parameter or thing it misses.
    """
    said = said_by(error).lower()
    return isinstance(error.body, dict) and (
        bool(error.param)
        or "no such" in said
        or "could not find" in said
        or "does not exist" in said
    )


def one_line(text: str) -> str:
    """Return a server's words fit for a message: printable, on one line, not endless."""
    flat = "".join(c for c in " ".join(text[:2000].split()) if c.isprintable())
    return flat if len(flat) <= 300 else flat[:299] + "…"
