"""What the bench of the diversity metrics is made of: texts, peers, and the rows of its table."""
