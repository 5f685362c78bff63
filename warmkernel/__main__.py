"""``python -m warmkernel NAME MODULE...``: a warm kernel for this Python, with these modules imported beforehand."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager


def main() -> None:
    """Install the specification of a kernel in this environment (or, with ``--user``, for this user)."""
    parser = argparse.ArgumentParser(prog="python -m warmkernel", description=__doc__)
    parser.add_argument("name", help="how notebooks and papermill name the kernel")
    parser.add_argument("modules", nargs="*", metavar="module", help="what is imported beforehand")
    parser.add_argument("--user", action="store_true", help="for this user instead of this environment")
    parser.add_argument("--prefix", default=sys.prefix, help="for the environment of this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.json").write_text(json.dumps(specification(options.name, options.modules), indent=1))
        where = {"user": True} if options.user else {"prefix": options.prefix}
        place = KernelSpecManager().install_kernel_spec(folder, options.name, **where)  # type: ignore[no-untyped-call]
    sys.stdout.write(f"{place}\n")


def specification(name: str, modules: list[str]) -> dict[str, object]:
    """What ``kernel.json`` says of a warm kernel of this Python."""
    return {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"Python (warm, {name})",
        "language": "python",
        "metadata": {
            "debugger": True,
            "kernel_provisioner": {"provisioner_name": "warmkernel", "config": {"preload": modules}},
        },
    }


if __name__ == "__main__":
    main()
