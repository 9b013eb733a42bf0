"""From what was judged to what a report says and shows."""
