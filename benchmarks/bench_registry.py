"""`versions_table` and `history` of 1,000 versions against the plain `search_model_versions`."""

from __future__ import annotations

import os
import sys
import tempfile

import mlflow

import mlworkbench as wb
from benchmarks.measure import compare

VERSIONS = 1000
PROMOTIONS = 200
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
    with tempfile.TemporaryDirectory() as home:
        os.environ["MLWORKBENCH_HOME"] = home
        wb.start("benchmark")
        fill()
        assert len(plain()) == len(wb.versions_table("large")) == VERSIONS  # type: ignore[arg-type]  # noqa: S101
        assert len(wb.history("large")) == PROMOTIONS  # noqa: S101
        ratios = {
            f"{call.__name__} of {VERSIONS} versions": compare(
                f"{call.__name__}: {VERSIONS} versions, {PROMOTIONS} entries",
                plain,
                lambda call=call: call("large"),
                15,
            )
            for call in (wb.versions_table, wb.history)
        }
    if slow := [what for what, ratio in ratios.items() if ratio < 1 / LIMIT]:
        sys.exit(f"More than {LIMIT} times slower than search_model_versions: {', '.join(slow)}.")
