"""Who does the work of a sweep: threads or processes of this machine, or a Ray cluster."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from mlworkbench.errors import WorkbenchError, is_among, shown, unknown_name

BACKENDS = ("threading", "loky", "ray")

MOST_JOBS = 10_000
"""More at once than any machine has cores for, and fewer than joblib chokes on."""

Workers = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], Generator[Any, None, None]]
"""What calls a function with each tuple of arguments, and gives each result as soon as it is there."""


def check_workers(n_jobs: int, backend: str, ray_address: str | None) -> None:
    """Refuse workers that cannot be."""
    if not is_among(backend, BACKENDS):
        raise unknown_name("backend", backend, BACKENDS)
    if not isinstance(n_jobs, int) or n_jobs == 0 or not -1 <= n_jobs <= MOST_JOBS:
        expected = f"a whole number of at least 1 and at most {MOST_JOBS:,}, or -1 for every core."
        raise WorkbenchError(f"n_jobs = {shown(n_jobs)}.", expected, "Leave it out to use all.")
    if ray_address is not None and backend != "ray":
        raise WorkbenchError(
            f"a Ray address with the backend {backend!r}.", 'backend="ray" with it.', "Add that, or leave it out."
        )


@contextlib.contextmanager
def workers(backend: str, n_jobs: int, ray_address: str | None, store_uri: str) -> Iterator[Workers]:
    """What does the work for the length of a ``with`` block."""
    if backend != "ray":
        yield functools.partial(_each_by_joblib, backend, n_jobs)
        return
    from mlworkbench.notebooks.ray_cluster import each_on_ray, ray_cluster

    with ray_cluster(ray_address, store_uri):
        yield functools.partial(each_on_ray, n_jobs)


def _each_by_joblib(
    backend: str, n_jobs: int, work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
) -> Generator[Any, None, None]:
    import joblib

    with joblib.parallel_config(backend, n_jobs=n_jobs):
        parallel = joblib.Parallel(batch_size=1, return_as="generator_unordered")
        yield from parallel(joblib.delayed(work)(*call) for call in calls)


def was_killed(error: Exception) -> bool:
    """Whether an error tells that a worker did not live as long as its work."""
    from concurrent.futures.process import BrokenProcessPool

    return isinstance(error, BrokenProcessPool) or type(error).__module__.startswith("ray.exceptions")
