"""The help desk of part 6: it finds passages of the workbook by TF-IDF, and answers from them in words.

Nothing here traces or logs: that is what the lessons teach.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from mlcourse.questions.passages import PASSAGES
from mlworkbench.errors import unknown_name

WAYS: dict[str, dict[str, Any]] = {
    "counts": {"use_idf": False},
    "words": {},
    "parts": {"analyzer": "char_wb", "ngram_range": (3, 5)},
}
"""How passages are compared with a question: by counts of words, by TF-IDF of words, by TF-IDF of parts of words."""

UNKNOWN = "I do not know."


def find(question: str, way: str = "words", most: int = 3) -> list[dict[str, Any]]:
    """Find the passages that are most like a question, the best one first.

    Parameters
    ----------
    question : str
        What somebody wants to know, in words.
    way : str
        How they are compared: ``counts``, ``words`` or ``parts``, see `WAYS`.
    most : int
        How many passages at most; those that have nothing in common with the question are left out.

    Returns
    -------
    list of dict
        In MLflow's form of a document: ``page_content``, and ``metadata`` with the lesson as ``doc_uri``.

    Examples
    --------
    >>> [document["metadata"]["doc_uri"] for document in find("Where do deleted runs go?", most=1)]
    ['1.1']
    """
    from sklearn.metrics.pairwise import linear_kernel

    if way not in WAYS:
        raise unknown_name("way to find", way, WAYS)
    vectorizer, matrix = _index(way)
    scores = linear_kernel(vectorizer.transform([question]), matrix)[0]
    ranked = sorted(zip(PASSAGES, scores, strict=True), key=lambda pair: -pair[1])[:most]
    return [
        {"page_content": PASSAGES[lesson], "metadata": {"doc_uri": lesson, "score": round(float(score), 3)}}
        for lesson, score in ranked
        if score > 0
    ]


@cache
def _index(way: str) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(**WAYS[way])
    return vectorizer, vectorizer.fit_transform(PASSAGES.values())


def filled(prompt: str, question: str, lesson: str, passage: str) -> str:
    """Fill a prompt that has ``{question}``, ``{lesson}`` and ``{passage}``, or the same with doubled braces."""
    values = {"question": question, "lesson": lesson, "passage": passage}
    return re.sub(r"\{\{(\w+)\}\}|\{(\w+)\}", lambda name: values.get(name[1] or name[2], name[0]), prompt)


def reply(prompt: str) -> str:
    """Answer a prompt as the stand-in for a model does: always the same, from the passage in the prompt.

    It reads the lines that begin with ``Question:``, ``Lesson:`` and ``Passage:``, and obeys two instructions in the
    rest: *one sentence* and *name the lesson*.
    """
    question, lesson, passage = (line(prompt, name) for name in ("Question", "Lesson", "Passage"))
    orders = re.sub(r"(?m)^(Question|Lesson|Passage):.*$", "", prompt).lower()
    if not passage:
        return UNKNOWN
    said = _closest(question, passage) if "one sentence" in orders else passage
    return f"Lesson {lesson}: {said}" if lesson and "name the lesson" in orders else said


def line(prompt: str, name: str) -> str:
    """What stands in the line of a prompt that begins with this name, as ``Passage:``."""
    found = re.search(rf"(?m)^{name}:(.*)$", prompt)
    return found[1].strip() if found else ""


def _closest(question: str, passage: str) -> str:
    """The sentence of a passage that shares most words with a question; the first of several."""
    asked = set(re.findall(r"\w+", question.lower()))
    sentences = re.split(r"(?<=[.?!])\s+", passage)
    return max(sentences, key=lambda sentence: len(asked & set(re.findall(r"\w+", sentence.lower()))))
