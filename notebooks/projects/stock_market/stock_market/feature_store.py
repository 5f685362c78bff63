"""The feature store: Feast with files for the past (training) and a SQLite file for tonight (serving)."""

from __future__ import annotations

import contextlib
import io
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from stock_market.features import MARKET, VIX
from stock_market.windows import names

if TYPE_CHECKING:
    from feast import FeatureStore

TTL = timedelta(days=7)
"""How old a feature may be when it is joined to a day; the longest break of the exchange in 20 years is as long."""

VIEWS = {"market": MARKET, "vix": VIX}
SERVICES = {"window": ["window"], "rich": ["window", "market"], "vix": ["window", "market", "vix"]}


SETTINGS = """\
project: stock_market
provider: local
registry: registry.db
online_store: {type: sqlite, path: online.db}
offline_store: {type: dask}
entity_key_serialization_version: 3
"""


def make_store(folder: str | Path, features: pd.DataFrame) -> FeatureStore:
    """Make a feature store in a folder, or give the one that is there these features.

    Parameters
    ----------
    folder : path
        Gets ``feature_store.yaml`` (settings), ``features.parquet`` (the past), ``registry.db`` (definitions) and
        ``online.db`` (tonight). Paths in them are relative: the folder can be copied to where a model is served.
    features : pandas.DataFrame
        As `stock_market.features.features` returns it, of one symbol or several.

    Returns
    -------
    feast.FeatureStore
        With the entity ``symbol``, the views ``window``, ``market`` and ``vix``, and a service for each group of
        features: ``window``, ``rich`` and ``vix``.
    """
    from feast import FeatureStore

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    Path(folder, "feature_store.yaml").write_text(SETTINGS, encoding="utf-8")
    features.to_parquet(folder / "features.parquet")
    store = FeatureStore(repo_path=folder)
    store.apply(_definitions(sum(name.startswith("day_") for name in features.columns)))
    return store


def _definitions(window: int) -> list[object]:
    """What Feast has to know: who the features are about, where they lie, what they are called, who takes which."""
    from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64, Int64

    symbol = Entity(name="symbol", join_keys=["symbol"], value_type=ValueType.STRING)
    source = FileSource(name="features", path="features.parquet", timestamp_field="event_timestamp")
    fields = {"window": [Field(name=name, dtype=Int64) for name in names(window)]}
    fields |= {view: [Field(name=name, dtype=Float64) for name in columns] for view, columns in VIEWS.items()}
    views = {
        name: FeatureView(name=name, entities=[symbol], ttl=TTL, schema=schema, source=source)
        for name, schema in fields.items()
    }
    services = [FeatureService(name=name, features=[views[view] for view in of]) for name, of in SERVICES.items()]
    return [symbol, *views.values(), *services]


def historical(features: pd.DataFrame, rows: pd.DataFrame, group: str = "rich") -> pd.DataFrame:
    """Join to each row the features that were known at its time: Feast's point-in-time join.

    Feast's file store pairs every row with every feature row of its symbol before it looks at the times: 25 million
    pairs for 20 years. So each year is joined with a file that holds the features of that year and of the week before.

    Parameters
    ----------
    features : pandas.DataFrame
        As `stock_market.features.features` returns it.
    rows : pandas.DataFrame
        With ``symbol`` and ``event_timestamp`` (UTC): about whom, and when the question is asked. Other columns, such
        as the answers, come along.
    group : {'window', 'rich', 'vix'}
        Which service.

    Returns
    -------
    pandas.DataFrame
        The rows in order of time with their features; NaN where nothing was known, or nothing of the last week.
    """
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(folder, features)
        service = store.get_feature_service(group)
        for _, asked in rows.groupby(rows["event_timestamp"].dt.year):
            first, last = asked["event_timestamp"].min(), asked["event_timestamp"].max()
            near = features[features["event_timestamp"].between(first - TTL, last)]
            near.to_parquet(Path(folder, "features.parquet"))
            parts.append(store.get_historical_features(entity_df=asked, features=service).to_df())
    # Feast's file store leaves out a row for which nothing was known yet; whoever asks shall see that.
    joined = rows.merge(pd.concat(parts), on=list(rows.columns), how="left")
    return joined.sort_values("event_timestamp", ignore_index=True)


def refresh(folder: str | Path, features: pd.DataFrame) -> pd.Timestamp:
    """Put the newest features of a symbol where the model server looks them up (Feast: materialize).

    Other symbols in the store stay as they are. A job that does this every evening keeps the store fresh.

    Parameters
    ----------
    folder : path
        Of the store, which is made if there is none.
    features : pandas.DataFrame
        Of one symbol, as `stock_market.features.features` returns it.

    Returns
    -------
    pandas.Timestamp
        The evening that its newest features are of.
    """
    newest = features["event_timestamp"].max()
    path = Path(folder, "features.parquet")
    if path.exists():
        others = pd.read_parquet(path)
        features = pd.concat([others[~others["symbol"].isin(features["symbol"])], features])
    store = make_store(folder, features)
    each = features.groupby("symbol")["event_timestamp"].max()  # Feast takes the last row of each within a time
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        store.materialize(start_date=each.min() - TTL, end_date=each.max() + timedelta(seconds=1))
    return newest
