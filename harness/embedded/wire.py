"""Answers in the hosted API's JSON shapes: chat, completions, and the chunks of streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.embedded.answering import Answer, Question, Token

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What was asked and answered: the choices of every question, and the response's frame."""

    id: str
    created: int
    model: str
    questions: tuple[Question, ...]
    answers: tuple[tuple[Answer, ...], ...]

    @property
    def choices(self) -> list[Answer]:
        """All answers, prompt by prompt."""
        return [answer for group in self.answers for answer in group]

    @property
    def logprobs(self) -> bool:
        """Whether log-probabilities were asked for."""
        return self.questions[0].top_logprobs is not None

    @property
    def usage(self) -> Json:
        """Tokens read and written; a prompt is read once, whatever n."""
        read = sum(len(question.prompt) for question in self.questions)
        written = sum(len(answer.tokens) for answer in self.choices)
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }

    def frame(self, kind: str) -> Json:
        """The fields that every response and chunk carries."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": "fp_embedded",
        }


# --- chat ----------------------------------------------------------------------------


def chat_completion(reply: Reply) -> Json:
    """Return a ``chat.completion`` object."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": answer.text, "refusal": None},
            "finish_reason": answer.finish_reason,
            "logprobs": chat_logprobs(answer.tokens) if reply.logprobs else None,
        }
        for index, answer in enumerate(reply.choices)
    ]
    return reply.frame("chat.completion") | {"choices": choices, "usage": reply.usage}


def chat_logprobs(tokens: Sequence[Token]) -> Json:
    """Return the log-probabilities of some tokens of a chat's answer."""
    content = [
        token_logprob(token) | {"top_logprobs": [token_logprob(other) for other in token.top]}
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def token_logprob(token: Token) -> Json:
    """Return one token with its log-probability."""
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.raw)}


def chat_chunks(reply: Reply) -> Iterator[Json]:
    """Yield the ``chat.completion.chunk`` objects of a stream, token by token."""
    frame = reply.frame("chat.completion.chunk")

    def chunk(index: int, delta: Json, finish: str | None = None, logprobs: Any = None) -> Json:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        return frame | {"choices": [choice]}

    for index, answer in enumerate(reply.choices):
        yield chunk(index, {"role": "assistant", "content": ""})
        for text, tokens in pieces(answer):
            probabilities = chat_logprobs(tokens) if reply.logprobs else None
            yield chunk(index, {"content": text}, logprobs=probabilities)
        yield chunk(index, {}, finish=answer.finish_reason)


# --- completions ---------------------------------------------------------------------


def text_completion(reply: Reply) -> Json:
    """Return a ``text_completion`` object."""
    choices = [
        text_choice(index, answer.text, answer.finish_reason, text_logprobs(answer, reply))
        for index, answer in enumerate(reply.choices)
    ]
    return reply.frame("text_completion") | {"choices": choices, "usage": reply.usage}


def text_choice(index: int, text: str, finish: str | None, logprobs: Json | None) -> Json:
    """Return one choice of a completion or of a chunk of one."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


def text_logprobs(answer: Answer, reply: Reply) -> Json | None:
    """Return an answer's log-probabilities in the older shape: parallel lists."""
    if not reply.logprobs:
        return None
    tokens = answer.tokens
    offsets = [len("".join(token.text for token in tokens[:at])) for at in range(len(tokens))]
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [{other.text: other.logprob for other in token.top} for token in tokens],
        "text_offset": offsets,
    }


def text_chunks(reply: Reply) -> Iterator[Json]:
    """Yield the chunks of a completion's stream; the log-probabilities come with the last."""
    frame = reply.frame("text_completion")
    for index, answer in enumerate(reply.choices):
        for text, _ in pieces(answer):
            yield frame | {"choices": [text_choice(index, text, None, None)]}
        last = text_choice(index, "", answer.finish_reason, text_logprobs(answer, reply))
        yield frame | {"choices": [last]}


# --- streams -------------------------------------------------------------------------


def pieces(answer: Answer) -> Iterator[tuple[str, tuple[Token, ...]]]:
    """Yield an answer's text in order with the tokens behind it; characters stay whole.

    The last piece ends where the text ends, so that a stop sequence inside a token cuts it too.
    """
    sent, waiting = 0, b""
    held: list[Token] = []
    for token in answer.tokens:
        held.append(token)
        waiting += token.raw
        text = waiting.decode("utf-8", "replace")
        if text.endswith("\N{REPLACEMENT CHARACTER}"):
            continue  # perhaps half a character: the next byte completes it
        yield answer.text[sent : sent + len(text)], tuple(held)
        sent, waiting, held = sent + len(text), b"", []
    if held:
        yield answer.text[sent:], tuple(held)
