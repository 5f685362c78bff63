"""The store is asked with two times, and gives for each what had been known by then. At noon the newest evening is that
of Friday; an hour after the features of Monday are known, at 23:00, the fall of that day is in them.
"""

moments = pd.to_datetime(["2018-02-05 12:00", "2018-02-05 23:00"], utc=True)
asked_about = pd.DataFrame({"symbol": "sp500", "event_timestamp": moments})
my_known = store.get_historical_features(entity_df=asked_about, features=["market:volatility_20"]).to_df()
