"""From a checked question to a network's answers: text, tokens, and where they stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harness.embedded.bodies import ChatBody, TextBody
from harness.embedded.decoding import Choice, generate
from harness.embedded.network import Network
from harness.embedded.refusals import Refusal
from harness.embedded.tokenizer import Tokenizer

DEFAULT_MAX_TOKENS = 32
"""Answers are short here; who wants longer ones says so."""

MOST_ANSWERS = 2048
"""The hosted API's own limit of prompts in one request."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt in ids and how to decode.

    ``top_logprobs`` None asks for no log-probabilities; ``continues`` says that the answer goes
    on in the prompt's own text, where the space before its first word counts.
    """

    prompt: tuple[int, ...]
    n: int
    max_tokens: int
    temperature: float
    top_p: float
    seed: int | None
    stops: tuple[str, ...]
    top_logprobs: int | None
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer, with its log-probability in nats and the likeliest alternatives.

    Only an alternative can be the token that ``ends`` an answer.
    """

    raw: bytes
    logprob: float
    top: tuple[Token, ...] = ()
    ends: bool = False

    @property
    def text(self) -> str:
        """The token as text; a part of a character becomes a replacement character."""
        return "<end>" if self.ends else self.raw.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice."""

    tokens: tuple[Token, ...]
    text: str
    finish_reason: Literal["stop", "length"]


def chat_question(body: ChatBody, tokenizer: Tokenizer, context: int) -> Question:
    """Return the question of a chat request."""
    if body.top_logprobs is not None and not body.logprobs:
        raise Refusal(
            "Invalid 'top_logprobs': it needs 'logprobs' to be true.",
            param="top_logprobs",
            code="invalid_value",
        )
    prompt = tuple(tokenizer.prompt([message.wire for message in body.messages]))
    wanted = body.max_completion_tokens or body.max_tokens
    return Question(
        prompt=prompt,
        n=body.n or 1,
        max_tokens=answer_room(len(prompt), context, wanted, "messages"),
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        seed=body.seed,
        stops=body.stops,
        top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
    )


def text_questions(body: TextBody, tokenizer: Tokenizer, context: int) -> list[Question]:
    """Return the questions of a completions request, one a prompt."""
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    if len(prompts) * (body.n or 1) > MOST_ANSWERS:
        raise Refusal(
            f"{len(prompts)} prompts with n={body.n or 1} are more than {MOST_ANSWERS} answers "
            "in one request",
            param="prompt",
            code="invalid_value",
        )
    encoded = [tuple(tokenizer.encode(prompt)) or (tokenizer.end,) for prompt in prompts]
    return [
        Question(
            prompt=prompt,
            n=body.n or 1,
            max_tokens=answer_room(len(prompt), context, body.max_tokens, "prompt"),
            temperature=1.0 if body.temperature is None else body.temperature,
            top_p=1.0 if body.top_p is None else body.top_p,
            seed=body.seed,
            stops=body.stops,
            top_logprobs=body.logprobs,
            continues=True,
        )
        for prompt in encoded
    ]


def answer_room(prompt_tokens: int, context: int, wanted: int | None, param: str) -> int:
    """Return how many tokens an answer may have.

    Raises:
        Refusal: the prompt alone fills the context; cutting it would answer another question.
    """
    if prompt_tokens >= context:
        raise Refusal(
            f"This model's context is {context} tokens and the prompt has {prompt_tokens}; "
            "words that the model does not know count a token a byte",
            param=param,
            code="context_length_exceeded",
        )
    return min(wanted or DEFAULT_MAX_TOKENS, context - prompt_tokens)


def answers(network: Network, tokenizer: Tokenizer, question: Question) -> list[Answer]:
    """Return ``question.n`` answers; with a seed, always the same ones."""
    choices = generate(
        network,
        question.prompt,
        n=question.n,
        max_tokens=question.max_tokens,
        temperature=question.temperature,
        top_p=question.top_p,
        seed=None if question.seed is None else question.seed % 2**63,
        end=tokenizer.end,
        top_logprobs=question.top_logprobs or 0,
    )
    return [stopped(answer_of(choice, tokenizer, question), question.stops) for choice in choices]


def answer_of(choice: Choice, tokenizer: Tokenizer, question: Question) -> Answer:
    """Return a choice in text. Words carry their leading space; a message begins without one."""
    chosen = zip(choice.ids, choice.logprobs, choice.top_logprobs, strict=True)
    tokens = [
        Token(
            tokenizer.token_bytes(token),
            logprob,
            tuple(alternative(tokenizer, other, value) for other, value in top),
        )
        for token, logprob, top in chosen
    ]
    if not question.continues:
        strip_leading_space(tokens)
    text = b"".join(token.raw for token in tokens).decode("utf-8", "replace")
    return Answer(tuple(tokens), text, choice.finish_reason)


def alternative(tokenizer: Tokenizer, token: int, logprob: float) -> Token:
    """Return a token that could have come instead; to end the answer is one of them."""
    return Token(tokenizer.token_bytes(token), logprob, ends=token == tokenizer.end)


def strip_leading_space(tokens: list[Token]) -> None:
    """Take the space off the first token that says anything, and off its alternatives."""
    for place, token in enumerate(tokens):
        if token.raw:
            bare = tuple(replace(other, raw=other.raw.removeprefix(b" ")) for other in token.top)
            tokens[place] = replace(token, raw=token.raw.removeprefix(b" "), top=bare)
            return


def stopped(answer: Answer, stops: tuple[str, ...]) -> Answer:
    """Return the answer up to the first stop sequence, which is left out."""
    found = [at for stop in stops if (at := answer.text.find(stop)) >= 0]
    if not found:
        return answer
    text = answer.text[: min(found)]
    return Answer(tokens_within(answer.tokens, len(text.encode())), text, "stop")


def tokens_within(tokens: tuple[Token, ...], size: int) -> tuple[Token, ...]:
    """Return the tokens that begin in the first ``size`` bytes."""
    kept, start = 0, 0
    for token in tokens:
        if start >= size:
            break
        start += len(token.raw)
        kept += 1
    return tokens[:kept]
