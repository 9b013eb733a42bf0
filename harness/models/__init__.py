"""From a request to completions: one file a provider, one method each."""
