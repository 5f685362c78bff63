"""`versions_table` and `history` of 1,000 versions against the plain `search_model_versions`."""

from __future__ import annotations

import os
import sys
import tempfile

import mlflow

import mlworkbench as wb
from benchmarks.measure import compare, require_quiet, sized

VERSIONS, PROMOTIONS, REPEATS = sized(1000, 20), sized(200, 5), sized(15, 2)
LIMIT = 3


def fill() -> None:
    """A registered model with many versions, of which many were in production."""
    client = mlflow.MlflowClient()
    client.create_registered_model("large")
    for number in range(VERSIONS):
        client.create_model_version("large", f"/nowhere/{number}")
    for number in range(PROMOTIONS):
        wb.promote("large", number + 1, why="For the benchmark.")


def plain() -> object:
    """What everybody can do without this package."""
    return mlflow.search_model_versions(filter_string="name = 'large'")


if __name__ == "__main__":
    require_quiet()
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLWORKBENCH_HOME"] = home
        wb.start("benchmark")
        fill()
        assert len(plain()) == len(wb.versions_table("large")) == VERSIONS  # type: ignore[arg-type]  # noqa: S101
        assert len(wb.history("large")) == PROMOTIONS  # noqa: S101
        reached = [
            compare(
                f"{call.__name__}, {VERSIONS} versions, {PROMOTIONS} entries, against search_model_versions",
                plain,
                lambda call=call: call("large"),
                REPEATS,
                least=1 / LIMIT,
            )
            for call in (wb.versions_table, wb.history)
        ]
    sys.exit(not all(reached))
