"""`version` takes a commit, and a call without it takes the newest one, so only the code differs between the two runs.
The seed is the same in both, since whoever changes two things at once cannot say which of them made the difference.
"""

my_seed = seed + 1
my_old = wb.run_project(f"file://{repository}", entry_point="load", version=first, seed=my_seed)
my_new = wb.run_project(f"file://{repository}", entry_point="load", seed=my_seed)
