"""The files of batches: requests in, one a line, checked before any is answered; results out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from harness.embedded.listing import Json, new_id
from harness.embedded.refusals import Refusal

MOST_REQUESTS = 50_000
MOST_ERRORS = 20
"""How many errors of one file are reported."""


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch."""

    custom_id: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an input file, and in which line (from 1) where it is in one."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None

    @property
    def json(self) -> Json:
        """The API's batch error object."""
        return {
            "code": self.code,
            "message": self.message,
            "line": self.line,
            "param": self.param,
        }


class FaultyFile(Exception):
    """An input file that is not processed at all."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__("the input file has faults")
        self.faults = tuple(faults)


def read_lines(data: bytes, endpoint: str) -> tuple[Line, ...]:
    """Return the requests of an input file.

    Raises:
        FaultyFile: some lines are no requests to the endpoint, or do not fit together.
    """
    rows = data.splitlines()
    if not any(row.strip() for row in rows):
        raise FaultyFile([Fault("empty_file", "The input file holds no requests.")])
    if len(rows) > MOST_REQUESTS:
        message = f"The batch holds more than {MOST_REQUESTS} requests."
        raise FaultyFile([Fault("too_many_requests", message)])
    lines: list[Line] = []
    faults = [*_misfits(rows, endpoint, lines), *_contradictions(lines)][:MOST_ERRORS]
    if faults:
        raise FaultyFile(faults)
    return tuple(lines)


def _misfits(rows: Iterable[bytes], endpoint: str, lines: list[Line]) -> Iterator[Fault]:
    """Add the lines that are requests; yield what is wrong with the others."""
    for number, row in enumerate(rows, start=1):
        try:
            said = orjson.loads(row)
        except orjson.JSONDecodeError:
            yield Fault("invalid_json_line", "This line is not parseable as JSON.", number)
            continue
        fault = _fault_of(said, endpoint, number)
        if fault is None:
            lines.append(Line(said["custom_id"], said["body"]))
        else:
            yield fault


def _fault_of(said: object, endpoint: str, number: int) -> Fault | None:
    if not isinstance(said, dict):
        return Fault("invalid_json_line", "This line is no JSON object.", number)
    wanted: Mapping[str, type] = {"custom_id": str, "method": str, "url": str, "body": dict}
    for name, kind in wanted.items():
        if not isinstance(said.get(name), kind) or said[name] == "":
            message = f"Missing required parameter: '{name}'."
            return Fault("missing_required_parameter", message, number, name)
    if said["method"] != "POST":
        return Fault("invalid_method", "The method of a request must be POST.", number, "method")
    if said["url"] != endpoint:
        message = f"The URL provided for this request does not match the batch's: {endpoint}."
        return Fault("mismatched_url", message, number, "url")
    if said["body"].get("stream"):
        return Fault("invalid_value", "Batches do not stream.", number, "body.stream")
    return None


def _contradictions(lines: Iterable[Line]) -> Iterator[Fault]:
    """What is wrong with lines only beside other lines."""
    seen: set[str] = set()
    model: object = None
    for number, line in enumerate(lines, start=1):
        if line.custom_id in seen:
            message = f"The custom_id '{line.custom_id[:64]}' was used before in this file."
            yield Fault("duplicate_custom_id", message, number, "custom_id")
        seen.add(line.custom_id)
        model = model or line.body.get("model")
        if line.body.get("model") != model:
            message = "The model of this request is not the one of the requests before it."
            yield Fault("mismatched_model", message, number, "body.model")


# --- results -------------------------------------------------------------------------


def answered(custom_id: str, body: Json) -> Json:
    """Return the result line of a request that was met."""
    return _result(custom_id, response=_response(200, body))


def refused(custom_id: str, refusal: Refusal) -> Json:
    """Return the result line of a request that was refused; it belongs in the error file."""
    return _result(custom_id, response=_response(refusal.status, refusal.body))


def not_reached(custom_id: str, code: str, message: str) -> Json:
    """Return the result line of a request that was never tried."""
    return _result(custom_id, error={"code": code, "message": message})


def is_answer(result: Json) -> bool:
    """Whether a result belongs in the output file."""
    return result["response"] is not None and result["response"]["status_code"] == 200


def _result(custom_id: str, response: Json | None = None, error: Json | None = None) -> Json:
    return {
        "id": new_id("batch_req_"),
        "custom_id": custom_id,
        "response": response,
        "error": error,
    }


def _response(status: int, body: Json) -> Json:
    return {"status_code": status, "request_id": new_id("req_"), "body": body}
