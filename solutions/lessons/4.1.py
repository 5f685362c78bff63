"""A parameter with a default may be left out of a call, one without has to be given, and `check` has no line for
parameters at all. The environment stands in a file of its own beside MLproject, so the same project runs with every
environment manager.
"""

my_project = Path(tempfile.mkdtemp()) / "mine"
my_project.mkdir()
shutil.copy(wine / "python_env.yaml", my_project)
my_text = """name: mine

python_env: python_env.yaml

entry_points:
  main:
    parameters:
      trees: {type: float, default: 100}
      name: string
    command: "echo {trees} {name}"
  check:
    command: "echo checked"
"""
(my_project / "MLproject").write_text(my_text)
