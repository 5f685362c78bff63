"""One call sweeps all combinations, and each return is compared with what holding on as many days would have earned.
Only the work is divided by the nodes and what is around it stays, so each doubling saves half of what the one before
saved.
"""

my_table = sweep.sweep([5, 10], ["logistic"], [0.5, 0.55])
my_best = (my_table["return_a_year"] - my_table["invested"] * my_table["hold_a_year"]).max()

work, around = 1200, 30
my_seconds = around + work / 4
my_nodes = next(nodes for nodes in (1, 2, 4, 8, 16, 32) if work / nodes - work / (2 * nodes) < 60)
