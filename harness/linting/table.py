"""Every lint: what it looks for, how, from where on it matters, and what to do about it.

The first column of docs/lint.md is made from this table; a test holds the two together.
"""

from __future__ import annotations

from functools import cache

from harness import extensions
from harness.errors import ExtensionError
from harness.linting import (
    answered,
    characters,
    label_noise,
    labels,
    meaning,
    repetition,
    secrets,
    structure,
)
from harness.linting.verdicts import Limits, Lint

ANY = 0.0


@cache
def every_lint() -> tuple[Lint, ...]:
    """Our lints, and those of other packages behind them.

    Raises:
        ExtensionError: another package's cannot be used.
    """
    ours = {lint.rule for lint in LINTS}
    found = extensions.load_all(extensions.LINTS)
    for name, lint in found.items():
        where = extensions.origin(extensions.LINTS, name)
        if not isinstance(lint, Lint) or (lint.look is None) == (lint.measure is None):
            raise ExtensionError(f"{where} is no Lint with either look or measure")
        if lint.rule in ours:
            raise ExtensionError(f"{where}: there is a lint '{lint.rule}' already; rename it")
        ours.add(lint.rule)
    return (*LINTS, *found.values())


LINTS: tuple[Lint, ...] = (
    # --- form ---
    Lint(
        "unreadable lines",
        "form",
        "every line is a JSON object in UTF-8",
        Limits(block=ANY),
        "repair or remove the lines: a server refuses the whole file",
        guide="2",
        measure=structure.unreadable_lines,
    ),
    Lint(
        "format",
        "form",
        "fields, roles, contents, calls of functions and weights are as servers take them",
        Limits(block=ANY),
        "repair the lines: a server refuses the whole file",
        guide="2, 5",
        measure=structure.misshapen_lines,
    ),
    Lint(
        "mixed formats",
        "form",
        "chat, prompt and completion, or preferences: one of them a file",
        Limits(block=ANY),
        "write all lines in one format",
        guide="5",
        measure=structure.mixed_formats,
    ),
    Lint(
        "too few examples",
        "form",
        "the number of examples",
        Limits("fewer", warn=50, block=10),
        "collect more: 50 to 100 good ones usually show an improvement",
        guide="3",
        measure=structure.too_few,
    ),
    Lint(
        "length",
        "form",
        "tokens of an example against what the model's training takes",
        Limits(block=ANY),
        "shorten or split the examples: what is over the limit is cut off, the answer first",
        guide="8",
        measure=structure.too_long,
    ),
    Lint(
        "empty answers",
        "form",
        "answers without text or call",
        Limits(warn=ANY, block=0.01),
        "write the answers, or remove the lines",
        guide="5",
        says="have an empty answer",
        look=structure.find_empty_answer,
    ),
    Lint(
        "empty prompts",
        "form",
        "prompts without text or picture",
        Limits(warn=ANY, block=0.01),
        "write what is asked, or remove the lines",
        guide="5",
        says="have an empty prompt",
        look=structure.find_empty_prompt,
    ),
    Lint(
        "turns",
        "form",
        "instructions first, then user and assistant in turn",
        Limits(warn=ANY),
        "order the messages as they are at inference",
        guide="2",
        says="have turns in an odd order",
        look=structure.find_odd_turns,
    ),
    Lint(
        "instructions",
        "form",
        "where at least half of the examples have the same system message, those that do not",
        Limits(warn=0.01),
        "keep the instructions that work best in every example, as at inference",
        guide="2",
        measure=structure.odd_instructions,
    ),
    Lint(
        "answer form",
        "form",
        "where at least 80% of the answers are JSON, XML or numbers, those that are not",
        Limits(warn=0.01),
        "write all answers in one form",
        guide="5",
        measure=structure.odd_answer_forms,
    ),
    Lint(
        "broken JSON",
        "form",
        "where 80% of the answers are JSON objects, those that open with { and do not parse",
        Limits(warn=ANY, block=0.01),
        "repair the answers: the model learns to break them too",
        guide="5",
        measure=structure.broken_json,
    ),
    Lint(
        "answer fields",
        "form",
        "where at least 90% of the JSON answers have the same fields, those that do not",
        Limits(warn=0.01),
        "give all answers the same fields; write null where there is no value",
        guide="5",
        measure=structure.odd_fields,
    ),
    Lint(
        "white space",
        "form",
        "answers that begin or end with white space unlike most",
        Limits(info=ANY, warn=0.01),
        "end all answers alike; --fix does it where most have none, but for code's indentation",
        guide="5",
        measure=structure.odd_ends,
    ),
    Lint(
        "same preference",
        "form",
        "preferences whose two answers are the same",
        Limits(warn=ANY, block=0.01),
        "remove the lines: there is nothing to prefer",
        guide="5",
        measure=structure.same_preference,
    ),
    Lint(
        "images",
        "form",
        "content parts that show a picture",
        Limits(info=ANY),
        "no lint looks at pictures, nor are their tokens counted: look at them yourself",
        says="show images",
        look=structure.find_images,
    ),
    # --- characters and secrets ---
    Lint(
        "wrong characters",
        "text",
        "mojibake (UTF-8 read as Windows-1252), U+FFFD, control and invisible characters",
        Limits(warn=ANY, block=0.05),
        "read the source in its own encoding; --fix undoes what can be undone",
        guide="5",
        says="hold characters that went wrong",
        look=characters.find_wrong_characters,
    ),
    Lint(
        "secrets",
        "text",
        "API keys, tokens, private keys and passwords, by their forms and randomness",
        Limits(block=ANY),
        "revoke the keys and take them out: a tuned model can be made to say them",
        says="hold a key or another secret",
        look=secrets.find_secret,
    ),
    Lint(
        "personal data",
        "text",
        "e-mail addresses, telephone, card, account and social security numbers, checked by digits",
        Limits(info=ANY),
        "replace them unless they are made up: a tuned model can be made to say them",
        says="hold personal data",
        look=secrets.find_personal,
    ),
    # --- repetition ---
    Lint(
        "duplicates",
        "repetition",
        "the same instructions, prompt and answer, case and white space aside",
        Limits(info=ANY, warn=0.01),
        "keep one of each; --fix does it where they are exactly the same",
        guide="5",
        measure=repetition.exact_duplicates,
    ),
    Lint(
        "near duplicates",
        "repetition",
        "prompt and answer together: Jaccard index of 5-character shingles of at least .7; a note"
        " only where the prompts share a template",
        Limits(info=ANY, warn=0.2),
        "look at the groups; examples that say the same count like further epochs",
        guide="5",
        measure=repetition.near_duplicates,
    ),
    Lint(
        "paraphrases",
        "repetition",
        "prompts alone: Jaccard index of 5-character shingles of at least .7",
        Limits(info=ANY),
        "keep each group on one side when you split off held-out data",
        measure=repetition.paraphrases,
    ),
    Lint(
        "conflicts",
        "repetition",
        "one-answer tasks: the same instructions and prompt with different answers; no more than a "
        "warning where case or white space tells most of the prompts apart",
        Limits(warn=ANY, block=0.02),
        "decide which answer is right; or say what tells the cases apart",
        guide="5",
        measure=repetition.conflicts,
    ),
    # --- leakage ---
    Lint(
        "leaked prompts",
        "leakage",
        "held-out prompts equal to a training prompt, or to one of an earlier turn, case and white"
        " space aside",
        Limits(warn=ANY, block=0.01),
        "take them out of the training or the held-out data",
        measure=repetition.leaked_exactly,
    ),
    Lint(
        "leaked passages",
        "leakage",
        "held-out prompts that share 13 words in a row with a training prompt, phrases that a"
        " tenth of training has aside",
        Limits(warn=ANY),
        "look whether it is a phrase of all prompts; if not, take them out",
        measure=repetition.leaked_runs,
    ),
    Lint(
        "leaked paraphrases",
        "leakage",
        "held-out prompts with a Jaccard index of at least .7 (5-character shingles) to a training"
        " prompt or a user's turn; a note only where training prompts are as near to each other",
        Limits(info=ANY, warn=0.05),
        "not each is a leak; keep paraphrases on one side where scores should mean new prompts",
        measure=repetition.leaked_nearly,
    ),
    Lint(
        "leaked answers",
        "leakage",
        "where answers are no labels: held-out answers that training gives too, in whatever turn",
        Limits(warn=ANY),
        "hold out answers that training lacks, or say that old answers to new prompts are meant",
        measure=repetition.leaked_answers,
    ),
    # --- answers ---
    Lint(
        "refusals",
        "answers",
        "share of refusing answers against the wanted share, p < .01 (binomial); it is that of the"
        " held-out data or of --wanted-refusals, else taken as 5% (which never blocks)",
        Limits("ratio", warn=2.0, block=2.0),
        "replace refusals by answers until their share is what is wanted",
        guide="5",
        measure=labels.refusals,
    ),
    Lint(
        "class balance",
        "answers",
        "Jensen-Shannon divergence (bits) of labels, train against held-out; p < .01 (G test)",
        Limits("bits", warn=0.1),
        "bring the labels to the shares that are met at inference",
        guide="5",
        measure=labels.class_balance,
    ),
    Lint(
        "label noise",
        "answers",
        "labels doubted by confident learning on out-of-fold probabilities, or told worse than the"
        " held-out ones; a note only where the interval's lower bound is not above the threshold, a"
        " warning where the task may be hard",
        Limits(block=0.05),
        "look at the examples, most doubtful first, and correct the wrong ones",
        guide="5",
        measure=label_noise.label_noise,
    ),
    Lint(
        "ungrounded answers",
        "answers",
        "numbers and names in answers that their prompts lack, code and what `=` computes aside;"
        " only a note where --task is open",
        Limits(warn=0.3),
        "put into the prompt what the answer is taken from; else the model learns to make it up",
        guide="5, 9",
        measure=meaning.ungrounded,
    ),
    Lint(
        "ungrounded fields",
        "answers",
        "JSON answers: fields of which at least half are copied, where the prompt lacks the value",
        Limits(warn=ANY, block=0.3),
        "put the source into the prompt, or write null for what it does not say",
        guide="5, 9",
        measure=meaning.ungrounded_fields,
    ),
    Lint(
        "opaque identifiers",
        "answers",
        "half of the prompts name things like author_207: the share of names with fewer than 5"
        " examples, or of held-out names not in training; to block, half of these prompts differ"
        " in the name alone and have other answers",
        Limits("from", warn=0.8, block=0.8),
        "replace the names by what they stand for: no epoch teaches names that mean nothing",
        guide="9",
        measure=meaning.opaque_identifiers,
    ),
    # --- what needs a model's answers ---
    Lint(
        "unknown facts",
        "model",
        "the base model is never right over several answers to a training prompt",
        Limits(warn=ANY, block=0.1),
        "put the source into the prompt: facts taught by answers alone are learnt as inventions",
        guide="9",
        measure=answered.unknown_facts,
    ),
    Lint(
        "remaining failures",
        "model",
        "held-out errors without a training example near them",
        Limits(warn=ANY),
        "collect examples like those that fail",
        guide="5",
        measure=answered.remaining_failures,
    ),
)
