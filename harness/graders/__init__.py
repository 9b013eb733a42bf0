"""From a sample and a completion to a mark. A grader is a dataclass; its fields are its options."""
