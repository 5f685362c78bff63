"""The check of task 8 of the assignment of part 5: what is left to others, a feature store and a conclusion."""

from __future__ import annotations

import numbers
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlcourse import logged_runs
from mlcourse.answers import place, same, shown
from mlcourse.market import recomputed
from mlcourse.market.own_project import EXPERIMENT, NEWEST, ups
from mlworkbench.tasks import NotYetError

TONIGHT = ["return_1", "volatility_20", "distance_20"]
HALF_A_PERCENT = 0.51
CANDIDATES = ("logistic", "forest", "xgboost", "keras")
BETTER, WORSE = r"\b(better|best|beats?|wins?|outperforms?|gains?)\b", r"\b(worse|loses?|below|behind|only|but)\b"
NONE = r"\b(none|no|not|nothing|neither|nobody|never|cannot|zero)\b|n't\b"
NO_DOUBT = r"\b(no|nobody|never|not|without)\b[^.;!?]{0,12}\b(doubts?|question)\b"


def kept(symbol: Any, store: Any, tonight: Any) -> str:
    """Task 8: a feature store with the newest evening, and a conclusion where others look for it.

    Recomputed: the features of the newest evening, how often the best rule is right, and whether a model that is
    called surely better is so.
    Cross-examined: the store, the answer; the models that the description names against the runs of task 3.
    Not checked: the rest of what the description says; it is read by a teacher. Settings and other files of the store
    that do not change what it answers; it is asked.
    """
    ups(symbol)
    do = "Give the folder that feature_store.refresh got."
    if not (place(store, "store", do) / "feature_store.yaml").is_file():
        raise NotYetError(f"No feature store lies in {shown(store)}.", do)
    expected = {name: float(recomputed.newest(symbol)[name]) for name in TONIGHT}
    there = _online(store, symbol)
    if any(there[name] is None or not same(there[name], value) for name, value in expected.items()):
        raise NotYetError(
            f"The store does not have the features of {symbol} of its newest evening.",
            f"{NEWEST}Put what features.features(series, {symbol!r}) gives into it.",
        )
    given = {str(name).rpartition(":")[2]: each for name, each in _items(tonight)}
    if not set(TONIGHT) <= set(given) or any(not _same(given[name], expected[name]) for name in TONIGHT):
        raise NotYetError(f"tonight is {shown(tonight)}.", f"Give {', '.join(TONIGHT)} with what the store answers.")
    return _concluded(symbol)


def _items(answer: Any) -> list[tuple[Any, Any]]:
    """Names and values of a dictionary or a column; a list with one value counts as the value."""
    items = answer.items() if isinstance(answer, Mapping) or type(answer).__name__ == "Series" else ()
    return [(name, each[0] if isinstance(each, list) and len(each) == 1 else each) for name, each in items]


def _same(found: Any, expected: float) -> bool:
    return isinstance(found, numbers.Real) and same(float(found), expected)


def _online(store: Any, symbol: str) -> dict[str, Any]:
    """What a server would be given."""
    import feast

    wanted = [f"market:{name}" for name in TONIGHT]
    try:
        kept = feast.FeatureStore(repo_path=store)
        asked = kept.get_online_features(features=wanted, entity_rows=[{"symbol": symbol}])
    except Exception as error:  # whatever lies there does not answer
        raise NotYetError(
            f"The feature store in {Path(store).name} does not answer ({type(error).__name__}).",
            "Let feature_store.refresh make it, and leave its files as they are.",
        ) from error
    return {name: values[0] for name, values in asked.to_dict().items()}


def _concluded(symbol: str) -> str:
    """The description of the experiment names the index, what the best rule reaches, and what is surely better."""
    from stock_market.heuristics import HEURISTICS, scores

    found = logged_runs.client().get_experiment_by_name(EXPERIMENT)
    text = found.tags.get("mlflow.note.content", "") if found else ""
    do = "Set the experiment's tag mlflow.note.content: index, percent of the best rule, models that are better."
    rules = scores(recomputed.by_day(symbol)).drop("random")
    percent = 100 * float(rules.max())
    right = any(abs(number - percent) < HALF_A_PERCENT for number in _percents(text))
    if missing := [word for word, there in ((symbol, symbol in text.lower()), (f"{percent:.0f}", right)) if not there]:
        raise NotYetError(f"The description of the experiment is {shown(text)}, without {' and '.join(missing)}.", do)
    named = [rule for rule in HEURISTICS if rule in text.lower()]
    if named and (best := str(rules.idxmax())) not in named:
        raise NotYetError(f"The description names {named[0]}, but the best rule is {best}.", do)
    _agrees(re.sub(NO_DOUBT, "", text.lower()), found.experiment_id, symbol)
    return f"The store is fresh, and the experiment says: {text}"


def _percents(text: str) -> list[float]:
    """The numbers that a text gives in percent; all of its numbers, if it gives none like that."""
    in_percent = re.findall(r"(\d+(?:[.,]\d+)?)\s*(?:%|percent|per cent)", text, re.IGNORECASE)
    return [float(each.replace(",", ".")) for each in in_percent or re.findall(r"\d+(?:\.\d+)?", text)]


def _agrees(text: str, experiment_id: str, symbol: str) -> None:
    """The models that the description calls better are those whose intervals of task 3 say so."""
    runs = logged_runs.client().search_runs([experiment_id], f"params.symbol = '{symbol}' and metrics.gain_low < 1")
    modelled = [run for run in reversed(runs) if "model" in run.data.params]
    tried = {run.data.params["model"]: run.data.metrics["gain_low"] > 0 for run in modelled}
    surely = sorted(model for model, better in tried.items() if better)
    if missing := [model for model in surely if model not in text]:
        raise NotYetError(
            f"The description does not name {', '.join(missing)}, whose gain in your runs is above 0 for sure.",
            "Name the models that are surely better.",
        )
    if not surely and not re.search(NONE, text):
        raise NotYetError(
            "No run of task 3 has an interval of the gain that is above 0, but the description does not say so.",
            "Say that none of your models is surely better.",
        )
    for model in surely:
        _is_better(model, symbol)
    for sentence in re.split(r"[.;!?\n]\s", text):
        praised = [model for model in CANDIDATES if model in sentence and model not in surely]
        if (
            praised
            and re.search(BETTER, sentence)
            and not re.search(f"{NONE}|{WORSE}", sentence)
            and not any(model in sentence for model in surely)
        ):
            raise NotYetError(
                f"The description praises {praised[0]}, whose gain in your runs is not above 0 for sure.",
                "Let your own numbers decide which models are surely better.",
            )


def _is_better(model: str, symbol: str) -> None:
    """A model whose run says that it is surely better is so when it walks again."""
    from stock_market.heuristics import scores

    if model not in recomputed.FITTED_AGAIN:
        return
    best = str(scores(recomputed.table(symbol)).drop("random").idxmax())
    if (low := recomputed.against_the_rule(symbol, model, best)["gain_low"]) <= 0:
        raise NotYetError(
            f"A run says that {model} surely gains on {best}; computed again gain_low is {low:.3f}.",
            "Delete that run, and conclude from those of task 3.",
        )
