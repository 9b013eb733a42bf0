"""Numbers from numbers: statistics, diversity, diagnosis, advice. No I/O, no async, no clock."""
