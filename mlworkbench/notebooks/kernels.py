"""Which kernel executes a notebook: a warm one, unless it asks for another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mlworkbench.errors import NotebookError, shown
from mlworkbench.fork_server import provisioner, warmup
from mlworkbench.notebooks.notebook_file import language_of

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager
    from nbformat import NotebookNode


class Kernel(NamedTuple):
    """A kernel that is installed."""

    name: str
    language: str


def require_kernel(node: NotebookNode, chosen: str | None = None) -> Kernel:
    """The kernel that was chosen, or that a notebook asks for, or Jupyter's own; it must be installed."""
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager, NoSuchKernel

    asked = chosen if chosen is not None else node.metadata.get("kernelspec", {}).get("name")
    name, specs = asked, KernelSpecManager()
    try:
        if not asked and "py" not in language_of(node):
            name = language_of(node)  # Jupyter's own kernel would not understand a word
        elif asked in (None, "", "python"):
            name = NATIVE_KERNEL_NAME
        return Kernel(name, specs.get_kernel_spec(name).language)  # type: ignore[no-untyped-call]
    except (NoSuchKernel, AttributeError, TypeError, ValueError) as error:
        there = ", ".join(sorted(specs.find_kernel_specs()))  # type: ignore[no-untyped-call]
        raise NotebookError(
            f"no kernel is called {shown(name)}.",
            f"a kernel that is installed here; there are: {there or 'none'}.",
            f"Choose one of them (`-k {NATIVE_KERNEL_NAME}`, in Python kernel={NATIVE_KERNEL_NAME!r}), or install that "
            "kernel; a parameter of that name goes through `sweep`.",
        ) from error


def prepare(manager: KernelManager, notebook: NotebookNode) -> None:
    """Let the kernel of a notebook be forked, unless its metadata say ``"mlworkbench": {"kernel": "cold"}``."""
    metadata = manager.kernel_spec.metadata  # type: ignore[union-attr] # a name that is unknown raises
    if notebook.metadata.get("mlworkbench", {}).get("kernel") != "cold":
        warmup()  # tells of a wrong setting before a kernel is started
        metadata.setdefault("kernel_provisioner", provisioner())
    elif metadata.get("kernel_provisioner") == provisioner():
        del metadata["kernel_provisioner"]
