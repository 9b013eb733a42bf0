"""Why the embedded model refuses a request, in the words of the hosted API's error object."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from harness.errors import ModelNotFound, RequestRejected


class Refusal(RequestRejected):
    """A request that cannot be met, with all that the API says about it."""

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        """The error object of the hosted API."""
        return {
            "error": {
                "message": str(self),
                "type": "server_error" if self.status >= 500 else "invalid_request_error",
                "param": self.param,
                "code": self.code,
            }
        }


class UnknownModel(ModelNotFound, Refusal):
    """No model has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=3, cutoff=0.5) or names[:3]
        super().__init__(
            f"The model '{name}' does not exist; the nearest names are {', '.join(near)}",
            status=404,
            param="model",
            code="model_not_found",
        )


class UnknownObject(Refusal):
    """No file, batch or fine-tuning job has this id."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"No such {kind} object: {id}", status=404, param="id")
