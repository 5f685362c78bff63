"""What a fork server imports beforehand, and which differences between environments matter to these imports."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

READ_AT_IMPORT = (
    r"(HOME|USER|LANG|LANGUAGE|TZ|DO_NOT_TRACK|EAGER_IMPORT)$|XDG_\w+_HOME|_?PYTHON|LC_|LD_|DYLD_|MALLOC|SSL_CERT_"
    r"|JUPYTER_(ALLOW|PLATFORM|USE|WIDGETS)|IPYTHON_|TRAITLETS_|TORNADO_|PYZMQ_|PYDEVD_|COVERAGE_|MSGPACK_|PSUTIL_"
    r"|MPL|MATPLOTLIB|PILLOW_|PYPARSING|NPY_|NUMPY_|SCIPY_|SKLEARN_|PANDAS_|JOBLIB_|LOKY_|OMP_|KMP_|MKL_|OPENBLAS"
)
"""Variables that decide what an import does. Kernels that differ in one of them have servers of their own."""

SET_IN_KERNELS = {
    ("KMP_INIT_AT_FORK", "FALSE"),
    ("KMP_DUPLICATE_LIB_OK", "True"),
    ("MPLBACKEND", "module://matplotlib_inline.backend_inline"),
    ("GIT_PAGER", "cat"),
}
"""What scikit-learn, joblib and ipykernel put into a kernel's environment; what it starts is to have its server."""


class SettingError(ValueError):
    """An environment variable says nonsense; the arguments tell what was found, what was expected, and what to do."""

    def __str__(self) -> str:
        return "\n".join(map(": ".join, zip(("Found", "Expected", "Do this"), self.args, strict=True)))


@dataclass(frozen=True)
class Warmup:
    """What a fork server imports beforehand; the ``config`` of a kernel's provisioner, see docs/warm-kernels.md.

    Attributes
    ----------
    preload : tuple of str
        Modules, or ``module:function`` for a function to be called as well.
    shelve : tuple of str
        Packages at whose import somebody listens: a kernel finds them only when it imports them itself.
    variables : tuple of str
        Beginnings of further environment variables that decide what these imports do.
    idle_variable : str
        Environment variable with the seconds that a server waits for its next kernel (default 30). With 0 every kernel
        is an ordinary one.
    """

    preload: tuple[str, ...] = ()
    shelve: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    idle_variable: str = "WARMKERNEL_SECONDS"

    @property
    def idle_seconds(self) -> float:
        """How long a new server waits for its next kernel; a SettingError tells what is no number of seconds."""
        text = os.environ.get(self.idle_variable) or "30"
        with contextlib.suppress(ValueError):
            if 0 <= (seconds := float(text)) < math.inf:
                return seconds
        raise SettingError(
            f"{self.idle_variable} = {text!r}.",
            "a number of seconds, or 0 for no warm kernels.",
            "Correct it, or unset it for the usual 30 s.",
        )

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """The part of an environment that decides what the imports do."""
        decides = re.compile("|".join([READ_AT_IMPORT, *map(re.escape, self.variables)]))
        return {
            name: value for name, value in env.items() if decides.match(name) and (name, value) not in SET_IN_KERNELS
        }
