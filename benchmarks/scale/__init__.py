"""What workers cost: runs and measurements spread over Ray, beside one process."""
