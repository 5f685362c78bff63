"""The first call changes nothing, so it shows which steps can be reused. The second changes a parameter of `validate`,
so this step runs anew and so does each step that takes what it made, while `load` is reused.
"""

my_first = run_workflow()
my_second = run_workflow(test_share=0.3)
