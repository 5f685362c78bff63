"""What checks look at in the prompt registry: versions, aliases and tags; and what a prompt makes the stand-in say."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from mlcourse.answers import shown
from mlcourse.logged_runs import client
from mlcourse.questions import helpdesk
from mlcourse.questions.passages import QUESTIONS
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities.model_registry import PromptVersion

LEAST_NAMED, MOST_WORDS = 0.9, 20
_LESSON = re.compile(r"\{\{\s*lesson\s*\}\}|\{lesson\}")


class Measured(NamedTuple):
    """Means over all questions: the share of answers that name a lesson, and the number of words of an answer."""

    names_source: float
    words: float


def answer(template: str, question: str) -> str:
    """What the stand-in answers to a question with a prompt."""
    best = helpdesk.find(question, most=1)[0]
    return helpdesk.reply(helpdesk.filled(template, question, best["metadata"]["doc_uri"], best["page_content"]))


def measured(template: str) -> Measured:
    """What the stand-in answers to all questions with a prompt, in numbers."""
    answers = [answer(template, question) for question in QUESTIONS]
    return Measured(sum(map(names_lesson, answers)) / len(answers), words(answers))


def words(answers: Collection[str]) -> float:
    """How many words an answer has on average."""
    return sum(len(each.split()) for each in answers) / len(answers)


def names_lesson(answer: str, lesson: str = "") -> bool:
    """Whether an answer names a lesson; this one, if there is one."""
    return bool(re.search(rf"[Ll]esson {re.escape(lesson)}(?!\d)" if lesson else r"[Ll]esson \d\.\d", answer))


def finds(question: str, way: str) -> int:
    """1 when the passage that is found first is of the right lesson, else 0."""
    found = helpdesk.find(question, way, 1)
    return int(bool(found) and found[0]["metadata"]["doc_uri"] == QUESTIONS[question])


def version(name: Any, number: Any) -> PromptVersion:
    """A version of a prompt, which exists."""
    from mlflow.exceptions import MlflowException

    try:
        return client().get_prompt_version(name, str(number))
    except (MlflowException, ValueError) as error:
        raise NotYetError(
            f"The prompt {shown(name)} has no version {shown(number)}.", "Look at its page in the UI."
        ) from error


def holder(name: str, alias: str = "production") -> PromptVersion:
    """The version of a prompt that holds an alias, as the registry has it now."""
    from mlflow.exceptions import MlflowException

    if client().get_prompt(name) is None:
        raise NotYetError(
            f"The registry has no prompt {shown(name)}.",
            "Register it: mlflow.genai.register_prompt(name=…, template=…).",
        )
    try:
        number = client().get_prompt_version_by_alias(name, alias).version
    except (MlflowException, AttributeError) as error:
        raise NotYetError(
            f"No version of {shown(name)} holds the alias {alias!r}.", "mlflow.genai.set_prompt_alias gives it."
        ) from error
    return version(name, number)


def tagged(found: PromptVersion, key: str) -> str:
    """A version has a tag that says something."""
    if not (value := str(found.tags.get(key, "")).strip()):
        raise NotYetError(
            f"Version {found.version} has no tag {key!r}.",
            f"mlflow.genai.set_prompt_version_tag({found.name!r}, {found.version}, {key!r}, '…').",
        )
    return value


def replaced(found: PromptVersion) -> PromptVersion:
    """The version that another one replaced, by its tag; it says something else."""
    number = tagged(found, "replaces")
    before = version(found.name, number)
    if before.version == found.version:
        raise NotYetError(f"Version {number} replaces itself.", "The tag names the version that held the alias before.")
    if int(before.version) > int(found.version):
        raise NotYetError(
            f"Version {found.version} replaces version {number}, which is newer.",
            "The tag names the version that held the alias before.",
        )
    if before.template == found.template:
        raise NotYetError(f"Versions {number} and {found.version} are the same.", "Register another template.")
    return before


def demanded(scores: Measured, found: PromptVersion) -> None:
    """A version meets the demands on prompts, with the lesson of each passage."""
    if scores.names_source >= LEAST_NAMED and not _LESSON.search(str(found.template)):
        raise NotYetError(
            f"Version {found.version} names the same lesson to everybody.", "Put {{lesson}} into its line Lesson: …"
        )
    if scores.names_source < LEAST_NAMED:
        raise NotYetError(
            f"With version {found.version} {scores.names_source:.0%} of the answers name a lesson.",
            "The prompt has to say: name the lesson; and to hold {{lesson}} in a line Lesson: …",
        )
    if scores.words > MOST_WORDS:
        raise NotYetError(
            f"With version {found.version} an answer has {scores.words:.0f} words on average.",
            f"Get to {MOST_WORDS}: the stand-in knows the order: one sentence.",
        )
