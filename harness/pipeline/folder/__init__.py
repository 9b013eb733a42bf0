"""Where a run lives: its folder on the disk, and what is kept there."""
