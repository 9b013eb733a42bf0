"""Training data and tuning jobs: starting, following and reading them. Evaluates nothing."""
