"""``python -m mlworkbench`` is the command line."""

from mlworkbench.cli import main

main()
