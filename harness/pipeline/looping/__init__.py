"""Tuning in rounds: tune, evaluate, advise, and again as advised."""
