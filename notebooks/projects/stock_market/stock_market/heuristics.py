"""What needs no learning. A model that is not better than the best of these is not worth its keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd


def random(table: pd.DataFrame) -> np.ndarray:
    """Toss a coin for each day, always the same ones."""
    return np.random.default_rng(0).integers(0, 2, len(table))


def always_up(table: pd.DataFrame) -> np.ndarray:
    """Say that every day goes up: markets rise on 53 % of the days."""
    return np.ones(len(table), dtype=int)


def always_down(table: pd.DataFrame) -> np.ndarray:
    """Say that every day goes down: the VIX falls on more days than it rises."""
    return np.zeros(len(table), dtype=int)


def persistence(table: pd.DataFrame) -> np.ndarray:
    """Say that tomorrow does what today did."""
    days = [name for name in table.columns if name.startswith("day_")]
    return table[days[-1]].to_numpy()


def reversal(table: pd.DataFrame) -> np.ndarray:
    """Say that tomorrow does the opposite of what today did."""
    return 1 - persistence(table)


@dataclass(frozen=True)
class Heuristic:
    """A rule that shows its name in runs, where a function would show its address."""

    name: str
    rule: Callable[[pd.DataFrame], np.ndarray]

    def __call__(self, table: pd.DataFrame) -> np.ndarray:
        return self.rule(table)

    def __str__(self) -> str:
        return self.name


_RULES = (random, always_up, always_down, persistence, reversal)
HEURISTICS = {rule.__name__: Heuristic(rule.__name__, rule) for rule in _RULES}

RIVALS = ("random", "always_up", "always_down", "persistence")
"""What a model is compared with: rules that anybody would name before looking. Reversal was found in the data."""


def scores(table: pd.DataFrame) -> pd.Series:
    """Part of the days on which each rival is right, the best first; needs the column ``answer``."""
    right = {name: float((HEURISTICS[name](table) == table["answer"]).mean()) for name in RIVALS}
    return pd.Series(right, name="accuracy").sort_values(ascending=False)
