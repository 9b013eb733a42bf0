"""The drop-in for OpenAI evals: logs, flags, hosted graders, other people's eval classes."""
