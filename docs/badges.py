"""Write the badges of the README for the repository that this clone comes from. Run by `make badges`.

The address is ``Repository`` of ``[project.urls]`` in pyproject.toml, or else that of Git's remote ``origin``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LESSON = "lab/tree/notebooks/00_start_here.ipynb"
"""Where Binder begins."""
BETWEEN = re.compile(r"(?s)(<!-- badges -->\n).*?(<!-- /badges -->)")
# https://github.com/o/n, git@github.com:o/n.git, ssh://git@github.com:22/o/n
ADDRESS = re.compile(r"(?:\w+://|git@)(?:www\.)?github\.com(?::\d+)?[:/]([\w.-]+)/([\w.-]+?)(?:\.git)?/?$")


def repository(root: Path) -> str:
    """The address that pyproject.toml or Git names; empty when neither does."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    command = ["git", "remote", "get-url", "origin"]
    origin = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout.strip()
    address = str(project.get("urls", {}).get("Repository", origin))
    return re.sub(r"//[^/@]+@", "//", address)  # no name and no password


def badges(owner: str, name: str) -> str:
    """CI, site, Binder and Codespaces of a repository on GitHub, a line each."""
    home = f"https://github.com/{owner}/{name}"
    lines = [
        f"[![CI]({home}/actions/workflows/ci.yml/badge.svg)]({home}/actions/workflows/ci.yml)",
        f"[![Site]({home}/actions/workflows/site.yml/badge.svg)](https://{owner}.github.io/{name}/)",
        f"[![Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/{owner}/{name}/HEAD?urlpath={LESSON})",
        f"[![Codespaces](https://github.com/codespaces/badge.svg)](https://codespaces.new/{owner}/{name})",
    ]
    return "\n".join(lines) + "\n"


def write(root: Path) -> None:
    """Put the badges between their marks in the README."""
    found = repository(root)
    address = ADDRESS.match(found)
    if not address:
        sys.exit(
            f"Found: {found or 'neither [project.urls] in pyproject.toml nor a remote origin'}. Expected: a repository "
            "on GitHub. Do this: git remote add origin https://github.com/OWNER/NAME.git"
        )
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(BETWEEN.sub(rf"\g<1>{badges(*address.groups())}\g<2>", text), encoding="utf-8")


if __name__ == "__main__":
    write(ROOT)
