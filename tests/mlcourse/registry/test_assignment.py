"""For each task of part 3, right answers pass, and typical wrong ones are refused, each with its own message."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import mlworkbench as wb
from mlcourse.registry.assignment import CELLS, TASKS
from tests import refusals
from tests.mlcourse.registry.answers import (
    BY_TAG,
    FOREST,
    HASTY,
    KINDS,
    ROWS,
    STUMP,
    TAGS,
    X,
    against_the_hasty,
    alone,
    another,
    by_hand,
    complained,
    described,
    drilled,
    elsewhere,
    loaded,
    migrated,
    nothing,
    promoted,
    promoted_anew,
    promoted_back,
    refused,
    refused_anew,
    scored,
    search,
    staged,
    staged_anew,
    tampered,
    verdict,
)

pytestmark = pytest.mark.usefixtures("session")


RIGHT: list[tuple[str, Callable[[], dict]]] = [
    ("registry.1", described),
    ("registry.2", lambda: search(BY_TAG)),
    ("registry.3", loaded),
    ("registry.4", staged),
    ("registry.5", lambda: promoted(verdict("forest"))),
    ("registry.6", refused),
    ("registry.7", scored),
    ("registry.8", complained),
    ("registry.9", migrated),
    ("registry.10", drilled),
    # whoever did it wrong at first can do it anew, though the trail forgets nothing
    ("registry.4", lambda: staged("Production", "Staging", "Production")),
    ("registry.4", staged_anew),
    ("registry.5", promoted_anew),
    ("registry.6", refused_anew),
]

WRONG: list[tuple[str, Callable[[], dict], str]] = [
    ("registry.1", nothing, f"The registry has no version of '{CELLS}'"),
    ("registry.1", lambda: described("forest"), "No version of 'exercise-cells' is the stump"),
    ("registry.1", another, "Version 2 is another model"),
    ("registry.1", lambda: described(whole=""), f"There is no description of {CELLS!r}"),
    ("registry.1", lambda: described(own=""), "There is no description of version 1"),
    ("registry.1", lambda: described(own="tree"), "The description of version 1 is 'tree': too short. Say in 3 words"),
    ("registry.1", lambda: described(tag=""), "Version 1 has no tag 'algorithm'"),
    ("registry.1", lambda: described(tag="tree"), "The tag 'algorithm' of version 1 is 'tree'"),
    ("registry.1", elsewhere, "is a version of 'exercise-other'"),
    ("registry.1", lambda: described() | {"version": 7}, "has the versions 1, but no 7"),
    ("registry.1", lambda: described() | {"version": ["1"]}, "version is of type list"),
    ("registry.2", lambda: search("tags.algorithm = 'random forest'"), "finds versions of 'exercise-other' too"),
    ("registry.2", alone, f"does not name '{CELLS}'"),
    ("registry.2", lambda: search(f"name = '{CELLS}'"), "finds 4 version(s)"),
    ("registry.2", lambda: search(f"name = '{CELLS}' and tags.algorithm = random"), "MLflow refuses the filter"),
    (
        "registry.2",
        lambda: search(f"name = '{CELLS}' and version_number > 1 and version_number < 4"),
        "does not name the tag",
    ),
    ("registry.2", lambda: search(BY_TAG, dict.fromkeys(TAGS, "forest")), "0 of 4 version(s) have the tag"),
    ("registry.2", lambda: search([FOREST, HASTY]), "The filter is of type list"),
    ("registry.3", lambda: loaded(address=f"models:/{CELLS}/2"), "It has the form models:/name@alias"),
    ("registry.3", lambda: loaded(None), "No version holds the alias 'candidate'"),
    ("registry.3", lambda: loaded(STUMP), "The alias is on version 1"),
    ("registry.3", lambda: loaded(predictions=[1.0]), "1 predictions for 143 test rows"),
    ("registry.3", lambda: loaded(predictions=KINDS["stump"].predict(ROWS)), "of the predictions are not those of"),
    ("registry.4", lambda: staged(production=FOREST), "Version 2 is not the stump"),
    ("registry.4", lambda: staged("Production"), "to Production without Staging"),
    ("registry.4", lambda: staged("Staging"), "Version 1 was not moved to Production"),
    ("registry.4", lambda: staged(whys=("", "Tested.")), "The move of version 1 to Staging has no reason"),
    ("registry.4", lambda: staged(whys=("Tried.", "")), "The move of version 1 to Production has no reason"),
    ("registry.4", lambda: staged(archive=None), "Version 4 was never archived"),
    ("registry.4", lambda: staged(archive=" "), "The move of version 4 to Archived has no reason"),
    ("registry.5", lambda: promoted(ask=False), "The trail tells of no promotion of the forest"),
    ("registry.5", lambda: promoted(verdict("forest", "forest"), override="Now."), "The gate refused version 2"),
    ("registry.5", lambda: promoted(None), "was promoted without a gate"),
    ("registry.5", lambda: promoted(verdict("forest", both=False)), "did not ask for recall_score at least 0.8"),
    ("registry.5", lambda: promoted(verdict("forest", training=True)), "on the test rows it is 0.930"),
    ("registry.5", lambda: promoted(against_the_hasty()), "The gate compared with another model"),
    ("registry.5", lambda: promoted(verdict("forest"), before=FOREST), "Another version was in production before"),
    ("registry.5", lambda: promoted(verdict("forest"), first=False), "Nobody was in production before"),
    ("registry.6", lambda: refused(ask=False), "no refusal of the hasty forest"),
    ("registry.6", lambda: refused(override="It is fast."), "The hasty forest is in production"),
    ("registry.6", lambda: refused(run_id=verdict("forest").run_id), "not the run of this verdict"),
    ("registry.7", lambda: scored(f"models:/{CELLS}/2"), "Ask for whatever is in production"),
    ("registry.7", lambda: scored(scores=KINDS["forest"].predict(ROWS)), "The scores have no prediction"),
    ("registry.7", lambda: scored(rows=X), "426 predictions for 143 test rows"),
    ("registry.7", tampered, "of the predictions are not those of"),
    ("registry.7", lambda: scored(algorithm="forest"), "is not 'forest'"),
    ("registry.8", lambda: complained(version=4), "Version 4 holds the alias today"),
    ("registry.8", lambda: complained(version=2), "Version 2 did not hold the alias then"),
    ("registry.8", lambda: complained(who="cleo"), "who is 'cleo'"),
    ("registry.8", lambda: complained(why="The demo."), "why is 'The demo.'"),
    ("registry.9", lambda: migrated(call=False), "Nothing has been migrated"),
    ("registry.9", lambda: migrated(production=2), "Another version holds the alias"),
    ("registry.9", lambda: migrated(archived=[1]), "2 version(s) are archived now"),
    ("registry.9", lambda: migrated(archived=2), "archived is of type int"),
    ("registry.10", lambda: drilled(0), "is on version 4, but the trail ends at 3"),
    ("registry.10", lambda: drilled(1), "'refused, overridden'. Roll back once more, with why=…"),
    ("registry.10", lambda: drilled(3), "'no gate'. That was one step too far. Run the cell that prepares the week"),
    ("registry.10", lambda: drilled(whys=("It calls all benign.", "")), "A rollback has no reason. Run the cell"),
    ("registry.10", lambda: drilled(whys=("", "It calls all benign.")), "and give why=… each time"),
    ("registry.10", lambda: drilled(overridden=4), "not promoted by override"),
    ("registry.10", lambda: drilled(unexplained=3), "No sign that this version got the alias without the trail"),
    ("registry.10", lambda: by_hand(times=0), "If you moved the alias yourself: Run the cell"),
    ("registry.10", lambda: by_hand(times=1), "is on version 2, but the trail ends at 3"),
    ("registry.10", promoted_back, "came back by promote"),
]


@pytest.mark.parametrize(("task", "answers"), RIGHT, ids=[f"{number} {task}" for number, (task, _) in enumerate(RIGHT)])
def test_a_right_answer_passes(task: str, answers: Callable[[], dict]) -> None:
    feedback = wb.check(task, **answers())
    assert feedback, feedback


@pytest.mark.parametrize(("task", "answers", "says"), WRONG, ids=[f"{task} {says}" for task, _, says in WRONG])
def test_a_typical_mistake_is_refused(task: str, answers: Callable[[], dict], says: str) -> None:
    refusals.refused(task, says, **answers())


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_two_mistakes_with_messages_of_their_own(task: str) -> None:
    messages = [says for name, _, says in WRONG if name == task]
    assert len(set(messages)) >= 2
