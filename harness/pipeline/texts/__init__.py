"""Texts of anybody, measured without a run: ``harness diversity``."""
