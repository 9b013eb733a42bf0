"""Turns a Document into text: HTML, Markdown, JSON. Pure: reads nothing, decides nothing."""
