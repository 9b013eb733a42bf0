"""Runs for other programs: tables, and trackers."""
