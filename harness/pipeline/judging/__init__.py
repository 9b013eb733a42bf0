"""From numbers to evidence, and from evidence to advice and gates."""
