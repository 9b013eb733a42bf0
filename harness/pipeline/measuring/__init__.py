"""From the journal to numbers: scores, variety, tokens, by eval and model."""
