"""Is the advice any good? Many small tuning runs on which every advice can be checked.

Owns the tasks, the runs, the oracle and the policies that are held against each other. The advice
itself is made by the code that a study runs; nothing of it is written again here.
"""
