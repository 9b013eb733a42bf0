"""What people say of a run's answers, and what they take from them."""
