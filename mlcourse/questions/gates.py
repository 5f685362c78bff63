"""The check of task 7 of part 6: versions of a prompt that passed a gate on other questions than those that count."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import sequence, shown
from mlcourse.questions import drill, prompts
from mlcourse.questions.passages import QUESTIONS
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run

LEAST_RIGHT = 0.8
VERSIONS = 5


def gated_again(night: Any, careless: Any, run: Any) -> str:
    """Task 7: which versions were asked other questions at their gate, and a gate for the one in production.

    Recomputed: what the stand-in answers with each version, and how good that is on all questions.
    Cross-examined: questions, answers and metrics of every gate of that night, and of the new one; the versions that
    are named; who holds the alias, and the tag that leads to the new run.
    Not checked: other parameters and other tags of the runs.
    """
    templates = {number: prompts.version(drill.NIGHT_DESK, number).template for number in range(1, VERSIONS + 1)}
    gates = _gates(logged_runs.run_in(drill.EXPERIMENT, night, "night"))
    wrong = [number for number, gate in gates.items() if not _on_all(gate, templates[number])]
    _named(wrong, careless)
    good = {number: numbers for number in templates if _meets(numbers := _numbers(templates[number]))}
    holder = int(prompts.holder(drill.NIGHT_DESK).version)
    if holder not in good:
        told = "; ".join(f"{name} {value:.3g}" for name, value in _numbers(templates[holder]).items())
        raise NotYetError(f"Version {holder} is in production: on all questions {told}.", "Move the alias.")
    if holder != max(good):
        raise NotYetError(f"Version {holder} is in production; a newer one meets the demands.", "Move the alias on.")
    mine = logged_runs.run_in(drill.EXPERIMENT, run, "run")
    if mine.info.run_id in {gate.info.run_id for gate in gates.values()}:
        raise NotYetError("run is a gate of that night.", "Log a gate of your own.")
    if not _on_all(mine, templates[holder]):
        raise NotYetError(f"{drill.TABLE} of run does not hold all of QUESTIONS.", "Log every question and answer.")
    if (told := prompts.tagged(prompts.version(drill.NIGHT_DESK, holder), "gate")) != mine.info.run_id:
        raise NotYetError(f"The tag gate of version {holder} is {shown(told)}.", "Let it lead to your run.")
    return f"Versions {', '.join(map(str, wrong))} had passed on a few questions; version {holder} passes on all."


def _gates(night: Run) -> dict[int, Run]:
    """The run of the gate of each version."""
    logged_runs.named(night, drill.NIGHT)
    found = {logged_runs.parameter(run, "version"): run for run in logged_runs.children(night)}
    if missing := [number for number in range(1, VERSIONS + 1) if str(number) not in found]:
        raise NotYetError(f"That night has no gate of version {missing[0]}.", "Run the cell of the night again.")
    return {number: found[str(number)] for number in range(1, VERSIONS + 1)}


def _on_all(run: Run, template: str) -> bool:
    """Whether the run of a gate holds all questions; answers and metrics are those that the stand-in gives."""
    table = run_files.table(run, drill.TABLE, {"question", "answer"}).astype(str)
    for question, answer in zip(table["question"], table["answer"], strict=True):
        if question not in QUESTIONS or answer != prompts.answer(template, question):
            raise NotYetError(
                f"The run {shown(run.info.run_name)} has another answer to {shown(question)} than this version gives.",
                "Take helpdesk.find(question)[0], helpdesk.filled and helpdesk.reply; leave other runs alone.",
            )
    questions = set(table["question"])
    logged_runs.agree(run, _numbers(template, questions), f"Log what comes out of the answers in {drill.TABLE}.")
    return questions == set(QUESTIONS)


def _numbers(template: str, questions: Collection[str] = QUESTIONS) -> dict[str, float]:
    answers = {question: prompts.answer(template, question) for question in questions}
    right = sum(prompts.names_lesson(answer, QUESTIONS[question]) for question, answer in answers.items())
    return {"right_lesson": right / len(answers), "words": prompts.words(answers.values())}


def _meets(numbers: dict[str, float]) -> bool:
    return numbers["right_lesson"] >= LEAST_RIGHT and numbers["words"] <= prompts.MOST_WORDS


def _named(wrong: list[int], careless: Any) -> None:
    named = {str(getattr(each, "version", each)).removesuffix(".0") for each in sequence(careless, "careless")}
    right = set(map(str, wrong))
    if not right:
        raise NotYetError("At each gate of that night all questions were asked.", "Run the cell of the night again.")
    if others := named - right:
        raise NotYetError(
            f"{len(others)} of the {len(named)} in careless were asked all of QUESTIONS, or are no version.",
            f"Read {drill.TABLE} of the run that the tag gate names.",
        )
    if right - named:
        raise NotYetError(f"careless names {len(named)} of {len(right)} versions.", "Look at the gate of each version.")
