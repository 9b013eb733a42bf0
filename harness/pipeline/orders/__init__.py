"""What is asked for: who answers, which evals, at what cost, tuned how."""
