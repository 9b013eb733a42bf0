"""What answers took: their tokens and seconds, as a journal's lines are read."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from harness.analysis.cost import cost_usd
from harness.records import Completion, Outcome, Price, Usage

NO_TOKENS = Usage(0, 0)
"""The usage of a request's further choices: the first one carries the tokens of all."""


@dataclass(slots=True)
class Account:
    """Answers and their tokens. Those that were replayed cost nothing and took no time.

    ``uncounted`` are answers of which the server did not say their tokens,
    ``replayed_uncounted`` those among them that were replayed.
    """

    answers: int = 0
    replayed: int = 0
    uncounted: int = 0
    replayed_uncounted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    replayed_prompt_tokens: int = 0
    replayed_completion_tokens: int = 0
    latencies_s: array[float] = field(default_factory=lambda: array("f"))

    def add(self, completion: Completion) -> None:
        """Take in one answer; of several that were marked together, each."""
        for one in completion.parts or (completion,):
            self._add(one)

    def _add(self, completion: Completion) -> None:
        usage = completion.usage
        self.answers += 1
        self.replayed += completion.replayed
        if completion.latency_s and not completion.replayed and usage != NO_TOKENS:
            self.latencies_s.append(completion.latency_s)
        if usage is None:
            self.uncounted += 1
            self.replayed_uncounted += completion.replayed
            return
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        if completion.replayed:
            self.replayed_prompt_tokens += usage.prompt_tokens
            self.replayed_completion_tokens += usage.completion_tokens

    def merge(self, other: Account) -> None:
        """Take in all of another account."""
        self.answers += other.answers
        self.replayed += other.replayed
        self.uncounted += other.uncounted
        self.replayed_uncounted += other.replayed_uncounted
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.replayed_prompt_tokens += other.replayed_prompt_tokens
        self.replayed_completion_tokens += other.replayed_completion_tokens
        self.latencies_s.extend(other.latencies_s)

    def saved_usd(self, price: Price | None) -> float | None:
        """What the replayed answers would have cost."""
        if not self.replayed:
            return 0.0
        if price is None or self.replayed_uncounted:
            return None
        return cost_usd(price, self.replayed_prompt_tokens, self.replayed_completion_tokens)

    def paid_usd(self, price: Price | None) -> float | None:
        """What the other answers cost; None where a price or a count is not known."""
        if self.replayed == self.answers:
            return 0.0
        if price is None or self.uncounted > self.replayed_uncounted:
            return None
        prompt = self.prompt_tokens - self.replayed_prompt_tokens
        completion = self.completion_tokens - self.replayed_completion_tokens
        return cost_usd(price, prompt, completion)

    def whole_usd(self, price: Price | None) -> float | None:
        """What all answers cost, whoever paid for those that were replayed, and when."""
        if price is None or self.uncounted:
            return None
        return cost_usd(price, self.prompt_tokens, self.completion_tokens)


@dataclass(slots=True)
class Accounts:
    """What one model's answers to one eval took, and what judging them did."""

    own: Account = field(default_factory=Account)
    judge: Account = field(default_factory=Account)

    def add(self, outcome: Outcome) -> None:
        """Take in one journal line."""
        if outcome.completion is not None:
            self.own.add(outcome.completion)
        for score in outcome.scores.values():
            for judged in score.judged:
                self.judge.add(judged)
