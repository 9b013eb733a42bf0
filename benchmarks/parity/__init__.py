"""Both sides of the parity proof: the reference package `evals` and the harness ask one server.

The answers of the server are a pure function of what is asked, so every difference in a verdict,
a metric or a request is a difference between the two programs.
"""
