"""Request bodies as the hosted API defines them, and their refusals in its words.

A parameter that would change the answer and that this model cannot honour is refused, never
dropped; those that change nothing here (``user``, ``metadata``) are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.embedded.refusals import Refusal

MOST_CHOICES = 128
"""The hosted API's own limit of ``n``."""


class Body(BaseModel):
    """A strict request body: no unknown names, no wrong types; null means absent."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(BaseModel):
    """One part of a message's content; this model reads text only."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message of a chat; names and other extras are accepted and not read."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None

    @property
    def wire(self) -> dict[str, str]:
        """The message in the roles that the embedded model was trained with."""
        parts = self.content if isinstance(self.content, list) else ()
        text = self.content if isinstance(self.content, str) else "".join(p.text for p in parts)
        return {"role": ROLES[self.role], "content": text}


ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "tool": "user",
    "function": "user",
    "assistant": "assistant",
}


class StreamOptions(BaseModel):
    """What a stream carries beside the text."""

    include_usage: bool = False


class SamplingBody(Body):
    """What both endpoints take."""

    model: str
    n: int | None = Field(None, ge=1, le=MOST_CHOICES)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = Field(None, ge=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    frequency_penalty: float | None = Field(None, ge=0, le=0)
    presence_penalty: float | None = Field(None, ge=0, le=0)
    logit_bias: dict[str, Literal[0]] | None = None
    user: Any = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop sequences; an empty one stops nothing."""
        listed = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in listed if stop)

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with the usage."""
        return self.stream_options is not None and self.stream_options.include_usage


class ChatBody(SamplingBody):
    """POST /v1/chat/completions."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[Any] | None = Field(None, max_length=0)
    response_format: dict[Literal["type"], Literal["text"]] | None = None
    tool_choice: Any = None
    parallel_tool_calls: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    reasoning_effort: Any = None


class TextBody(SamplingBody):
    """POST /v1/completions."""

    prompt: str | Annotated[list[str], Field(min_length=1)]
    logprobs: int | None = Field(None, ge=0, le=5)
    echo: Literal[False] | None = None
    suffix: Literal[""] | None = None
    best_of: int | None = None


class EmbeddingsBody(Body):
    """POST /v1/embeddings; texts only, since token ids of other models mean nothing here."""

    model: str
    input: str | Annotated[list[str], Field(min_length=1)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, ge=1)
    user: Any = None


class JobHyperparameters(Body):
    """How a tuning job trains; ``auto`` leaves it to the embedded model."""

    n_epochs: Annotated[int, Field(ge=1, le=50)] | Literal["auto"] | None = None
    batch_size: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] | None = None
    learning_rate_multiplier: Annotated[float, Field(gt=0, le=100)] | Literal["auto"] | None = None

    @property
    def json_form(self) -> dict[str, Any]:
        """What was asked, with ``auto`` for the rest."""
        return {name: "auto" if value is None else value for name, value in self}


class SupervisedOptions(Body):
    """The options of supervised tuning."""

    hyperparameters: JobHyperparameters | None = None


class JobMethod(Body):
    """The way of tuning: only the supervised one here."""

    type: Literal["supervised"]
    supervised: SupervisedOptions | None = None


class JobBody(Body):
    """POST /v1/fine_tuning/jobs."""

    model: str
    training_file: str
    validation_file: str | None = None
    hyperparameters: JobHyperparameters | None = None
    method: JobMethod | None = None
    suffix: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    seed: int | None = Field(None, ge=0, le=2**31 - 1)
    integrations: list[Any] | None = Field(None, max_length=0)
    metadata: dict[str, str] | None = None


class BatchBody(Body):
    """POST /v1/batches."""

    input_file_id: str
    endpoint: str
    completion_window: Literal["24h"]
    metadata: dict[str, str] | None = Field(None, max_length=16)
    output_expires_after: Any = None


B = TypeVar("B", bound=BaseModel)


def read_body(kind: type[B], body: Mapping[str, Any]) -> B:
    """Return the checked body.

    Raises:
        Refusal: a parameter is unknown, missing, or not what it should be; ``param`` names it.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise refusal_of(error) from None


def refusal_of(error: ValidationError) -> Refusal:
    """Return the first thing wrong, in the hosted API's words."""
    first = error.errors(include_url=False, include_context=False)[0]
    param = parameter_name(first["loc"])
    if first["type"] == "missing":
        return Refusal(
            f"Missing required parameter: '{param}'.",
            param=param,
            code="missing_required_parameter",
        )
    if first["type"] == "extra_forbidden":
        return Refusal(
            f"Unrecognized request argument supplied: {param}",
            param=param,
            code="unknown_parameter",
        )
    code = "invalid_type" if first["type"].endswith("_type") else "invalid_value"
    shown = repr(first["input"])[:80]
    return Refusal(f"Invalid '{param}': {first['msg']}, not {shown}", param=param, code=code)


def parameter_name(path: tuple[int | str, ...]) -> str:
    """Return ``messages[0].content`` for the parts of a path, without pydantic's own words."""
    named = [part for part in path if isinstance(part, int) or is_field(part)]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return text.lstrip(".")


def is_field(part: str) -> bool:
    """Whether a part of a path is a parameter's name, not the label of a union's member."""
    return part.isidentifier() and part not in ("str", "int", "float")
