"""Checks of the assignment of part 6. They read traces, runs and prompts, and ask the help desk again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlcourse.answers import apart, number, same, sequence, shown, text
from mlcourse.logged_runs import asks_for, metric, run_in, searched
from mlcourse.questions import prompts, traces
from mlcourse.questions.drill import EXPERIMENT, MORNING
from mlcourse.questions.gates import gated_again
from mlcourse.questions.passages import QUESTIONS
from mlworkbench.tasks import NotYetError, Task

if TYPE_CHECKING:
    from mlflow.entities import Trace

PROMPT = "exercise-help-desk"
BEFORE, AFTER = "counts", "parts"
_TODAY = re.compile(
    r"(client_)?request_id|trace_id|run_id|timestamp(_ms)?|execution_time(_ms)?|status|state|session", re.IGNORECASE
)
"""What a filter may ask for that the calls of another day have otherwise."""
_TOLERANCE = 0.03  # two bootstraps with other draws


def answered(trace_id: Any) -> str:
    """Task 1: the trace of an answer, with a span for each of its two steps.

    Recomputed: the passages that were looked up by parts of words, and what the stand-in says to the prompt.
    Cross-examined: experiment, state, tag and spans of the trace; the prompt against what was looked up.
    """
    trace = _own(trace_id)
    traces.state(trace)
    traces.tagged(trace, "purpose")
    _, lessons = traces.lessons_found(trace, AFTER)
    said = traces.said(trace, another_model=False)
    traces.three_lines(trace)
    (root,) = (span for span in trace.data.spans if span.parent_id is None)
    if str(root.outputs) != said:
        raise NotYetError(
            f"The call returned {shown(root.outputs)}, the model said {shown(said)}.", "Hand its words on."
        )
    return f"The trace shows that lesson {lessons[0]} came first, and what the model made of it."


def failure(trace_id: Any, step: Any, message: Any) -> str:
    """Task 2: the call that failed, the step in which it did, and why.

    Recomputed: which trace of the morning has an error, its innermost span with one, and that span's message.
    """
    morning = [trace for trace in traces.in_session(EXPERIMENT, MORNING) if trace.info.state.name == "ERROR"]
    if not morning:
        raise NotYetError("No call of the morning has failed.", "Run the cell that calls drill.bad_morning.")
    failed = next((trace for trace in morning if trace.info.trace_id == _id_of(trace_id)), None)
    if failed is None:
        raise NotYetError(f"{shown(trace_id)} is not the call that failed.", "Search for status = 'ERROR'.")
    inner = max((span for span in failed.data.spans if span.events), key=lambda span: span.start_time_ns)
    if text(step, "step") != inner.name:
        raise NotYetError(f"The step is {shown(step)}.", "The error began in the innermost span that has one.")
    told = str(inner.events[-1].attributes["exception.message"])
    if not isinstance(message, str) or message.strip() != told.strip():
        raise NotYetError(
            f"The message is {shown(message)}.", "Take event.attributes['exception.message'] of the span."
        )
    return f"The call failed in the step {step!r}, and its message says what to do."


def filtered(filter_string: Any) -> str:
    """Task 3: a filter that finds the traces of a user about a topic.

    Recomputed: what the filter finds, against the marks of all traces of the experiment.
    Cross-examined: the filter asks for no time, state, id or session, in which the calls of tomorrow differ.
    """
    import mlflow

    every = traces.traces_of(EXPERIMENT)
    wanted = {trace.info.trace_id for trace in every if _is_wanted(trace)}
    if not wanted:
        raise NotYetError("No trace is of grace and about drift.", "Run the cell that calls drill.bad_morning.")
    here = {"locations": [every[0].info.experiment_id], "return_type": "list", "include_spans": False}
    found = searched(
        filter_string,
        lambda text: mlflow.search_traces(filter_string=text, **here),
        "Lesson 6.1 has one for a tag, one for metadata.",
    )
    ids = {trace.info.trace_id for trace in found}
    if missing := wanted - ids:
        raise NotYetError(
            f"The filter misses {len(missing)} of {len(wanted)} traces.", "Ask for the user and the topic."
        )
    if ids - wanted:
        raise NotYetError(f"The filter finds {len(ids - wanted)} other trace(s), too.", "Join both conditions by AND.")
    if of_today := _TODAY.search(re.sub("'[^']*'|\"[^\"]*\"", "", filter_string)):
        raise NotYetError(
            f"The filter asks for {shown(of_today[0])} too.", "Tomorrow's traces may differ in that: leave it out."
        )
    asks_for(filter_string, user="grace", topic="drift")
    return f"The filter finds the {len(wanted)} traces, by their marks."


def _is_wanted(trace: Trace) -> bool:
    return bool(trace.info.trace_metadata.get(traces.USER) == "grace" and trace.info.tags.get("topic") == "drift")


def scored(run_id: Any) -> str:
    """Task 4: an evaluation on all questions, with two scorers.

    Recomputed: passages and answers of every trace, and the means of both scorers.
    Cross-examined: the expected lessons against the questions of the workbook; the prompts against the passages; the
    means against what the scorers have left at each trace.
    """
    run = run_in(EXPERIMENT, run_id)
    logged = {name: metric(run, f"{name}/mean", 0, 1) for name in ("right_lesson", "names_source")}
    right, named, marks = [], [], []
    for trace in traces.of_run(run, len(QUESTIONS)):
        question, lessons = traces.lessons_found(trace, AFTER)
        right.append(lessons[0] == traces.expected_lesson(trace, question))
        named.append(prompts.names_lesson(traces.said(trace, another_model=False)))
        marks += [(trace, "right_lesson", right[-1]), (trace, "names_source", named[-1])]
    for name, each in (("right_lesson", right), ("names_source", named)):
        if not same(logged[name], again := sum(each) / len(each)):
            found, expected = apart(logged[name], again)
            raise NotYetError(
                f"{name}/mean is {found}; scored again it is {expected}.", "Look at what the scorer reads."
            )
    for mark in marks:
        traces.scored(*mark)
    return f"{logged['right_lesson']:.2f} found the right lesson, {logged['names_source']:.2f} name one."


def compared(differences: Any, low: Any, high: Any, sure: Any) -> str:
    """Task 5: the gain from counts to parts of words, with its 95 % interval.

    Recomputed: the gain of each question, and the interval.
    Plausible: low and high, which other draws move a little.
    """
    import numpy as np
    from scipy.stats import bootstrap

    gains = [prompts.finds(question, AFTER) - prompts.finds(question, BEFORE) for question in QUESTIONS]
    given = [number(each, "A difference") for each in sequence(differences, "differences")]
    if len(given) != len(gains):
        raise NotYetError(
            f"There are {len(given)} differences for {len(gains)} questions.", "One for each of QUESTIONS."
        )
    if given == [-each for each in gains]:
        raise NotYetError("The differences have the other sign.", "Take parts minus counts.")
    if sorted(given) != sorted(gains):
        raise NotYetError(
            f"The mean difference is {np.mean(given):.3f}; found again it is {np.mean(gains):.3f}.",
            "1 when the first passage is of the right lesson, else 0; then parts minus counts.",
        )
    expected = bootstrap((gains,), np.mean, method="percentile", rng=7).confidence_interval
    ends = number(low, "low"), number(high, "high")
    for name, value, again in zip(("low", "high"), ends, (expected.low, expected.high), strict=True):
        if abs(value - again) > _TOLERANCE:
            raise NotYetError(f"{name} is {value:.3f}.", f"A 95 % interval of the mean has it near {again:.2f}.")
    if not isinstance(sure, bool | np.bool_) or sure != (ends[0] > 0):
        raise NotYetError(f"sure is {shown(sure)}.", "True when the whole interval lies above 0, else False.")
    return f"The gain is {np.mean(gains):.2f}, with an interval from {ends[0]:.2f} to {ends[1]:.2f}."


def promoted(name: Any, refused: Any) -> str:
    """Task 6: a prompt promoted through a gate, and a version that the gate refused.

    Recomputed: what the stand-in answers to all questions with both versions.
    Cross-examined: versions, alias and tags in the registry.
    Not checked: what the tags why and refused say.
    """
    if text(name, "The name") != PROMPT:
        raise NotYetError(f"The prompt is {shown(name)}.", f"Call it {PROMPT!r}.")
    holder = prompts.holder(name)
    prompts.tagged(holder, "why")
    before = prompts.replaced(holder)
    prompts.demanded(prompts.measured(holder.template), holder)
    turned_away = prompts.version(name, getattr(refused, "version", refused))
    if turned_away.version == holder.version:
        raise NotYetError(f"Version {holder.version} is in production.", "Give the version that the gate refused.")
    prompts.tagged(turned_away, "refused")
    if turned_away.version == before.version:
        raise NotYetError(f"Version {before.version} was in production before.", "Register a third one, and refuse it.")
    scores = prompts.measured(turned_away.template)
    if scores.names_source >= prompts.LEAST_NAMED and scores.words <= prompts.MOST_WORDS:
        raise NotYetError(
            f"Version {turned_away.version} meets the demands.", "Register one that does not, and try it."
        )
    return f"Version {holder.version} passed, version {turned_away.version} was refused, and the registry tells why."


def _id_of(answer: Any) -> str:
    """The id in an answer that is an id or a Trace."""
    return text(getattr(getattr(answer, "info", None), "trace_id", answer), "trace_id")


def _own(trace_id: Any) -> Trace:
    """A trace of the assignment, not one of the morning."""
    found = [trace for trace in traces.traces_of(EXPERIMENT) if trace.info.trace_id == _id_of(trace_id)]
    if not found:
        raise NotYetError(
            f"No trace {shown(trace_id)} is in {EXPERIMENT!r}.", "mlflow.get_last_active_trace_id() gives the id."
        )
    if found[0].info.trace_metadata.get(traces.SESSION) == MORNING:
        raise NotYetError("That trace is of the bad morning.", "Trace a call of your own.")
    return found[0]


_HINTED: dict[str, tuple[Any, str, str]] = {
    "questions.1": (
        answered,
        "Lesson 6.1: two functions with @mlflow.trace, one span by hand, and a tag by mlflow.update_current_trace.",
        "find with span_type='RETRIEVER' returns helpdesk.find(question, 'parts'); the span 'model' with "
        "span_type='LLM' has inputs {'prompt': …} and the words as outputs.",
    ),
    "questions.2": (
        failure,
        "mlflow.search_traces(filter_string=\"status = 'ERROR'\", return_type='list') finds the call.",
        "Of its spans with events, the one that began last is the innermost; its event has the message.",
    ),
    "questions.3": (
        filtered,
        "A tag is tags.topic; the user is metadata.`mlflow.trace.user`.",
        "Two conditions with AND between them, the values in single quotes.",
    ),
    "questions.4": (
        scored,
        "Lesson 6.2 has both scorers. The data are all of QUESTIONS, with the lesson as expectation.",
        "with mlflow.start_run() as run: mlflow.genai.evaluate(data=…, predict_fn=desk('parts', …), scorers=[…]).",
    ),
    "questions.5": (
        compared,
        "A number for each question: 1 or 0 with 'parts', minus 1 or 0 with 'counts'.",
        "scipy.stats.bootstrap((differences,), numpy.mean, method='percentile').confidence_interval has low and high.",
    ),
    "questions.6": (
        promoted,
        "Lesson 6.3, with the name of the task. The third version may forget the line Lesson.",
        "Tags by mlflow.genai.set_prompt_version_tag: 'why' and 'replaces' for the second, 'refused' for the third.",
    ),
    "questions.7": (
        gated_again,
        "client.get_prompt_version(name, number) has tags and template; the tag gate names a run, and that run has "
        "answers.json with a row for each question that was asked.",
        "The answer to a question: helpdesk.find(question)[0], helpdesk.filled(template, …), helpdesk.reply. "
        "mlflow.log_table({'question': [...], 'answer': [...]}, 'answers.json') writes the table.",
    ),
}

TASKS = {name: Task(function, tuple(hints)) for name, (function, *hints) in _HINTED.items()}
