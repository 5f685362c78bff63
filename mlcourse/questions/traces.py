"""What checks look at in traces: states, marks and spans, and whether a step gives the same when it is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcourse.answers import shown
from mlcourse.questions import helpdesk
from mlcourse.questions.passages import PASSAGES, QUESTIONS
from mlworkbench.tasks import NotYetError

if TYPE_CHECKING:
    from mlflow.entities import Run, Span, Trace

_AS_NUMBER = {"yes": 1, "no": 0, "true": 1, "false": 0}
SESSION, USER = "mlflow.trace.session", "mlflow.trace.user"


def traces_of(experiment: str) -> list[Trace]:
    """The traces of an experiment, those that are still being written too; the newest comes first."""
    import mlflow

    found = mlflow.get_experiment_by_name(experiment)
    if found is None:
        raise NotYetError(f"No experiment {experiment!r} is in this store.", "Run the cells above that fill it.")
    return list(mlflow.search_traces(locations=[found.experiment_id], return_type="list", flush=True))


def of_run(run: Run, fewest: int) -> list[Trace]:
    """The traces of a run, of which there are enough."""
    import mlflow

    found = mlflow.search_traces(
        locations=[run.info.experiment_id], run_id=run.info.run_id, return_type="list", flush=True
    )
    different = {documents(trace)[0] for trace in found}
    if min(len(found), len(different)) < fewest:
        told = "" if len(found) == len(different) else f" to {len(different)} questions"
        raise NotYetError(
            f"The run {shown(run.info.run_name)} holds {len(found)} answers{told}, {fewest} were expected.",
            "Call mlflow.genai.evaluate with all questions inside of `with mlflow.start_run():`.",
        )
    return list(found)


def in_session(experiment: str, session: str) -> list[Trace]:
    """The traces of a session, which has some."""
    found = [trace for trace in traces_of(experiment) if trace.info.trace_metadata.get(SESSION) == session]
    if not found:
        raise NotYetError(
            f"No trace in {experiment!r} has the session {shown(session)}.",
            "Call mlflow.update_current_trace(session_id='…') inside of the traced function.",
        )
    return found


def state(trace: Trace, wanted: str = "OK") -> None:
    """The trace ended in this state."""
    if trace.info.state.name != wanted:
        raise NotYetError(
            f"The trace of {asked(trace)} has the state {trace.info.state.name}.", f"Make one that ends as {wanted}."
        )


def asked(trace: Trace) -> str:
    """What a trace is about: the inputs of its outermost span, shortened."""
    return shown(trace.info.request_preview or trace.info.trace_id)


def tagged(trace: Trace, key: str) -> str:
    """The trace has a tag that says something."""
    value = str(trace.info.tags.get(key, "")).strip()
    if not value:
        raise NotYetError(
            f"The trace of {asked(trace)} has no tag {key!r}.",
            f"Set it inside of the call, mlflow.update_current_trace(tags={{{key!r}: '…'}}), or later, "
            f"mlflow.set_trace_tag(trace_id, {key!r}, '…').",
        )
    return value


def expected_lesson(trace: Trace, question: str) -> str:
    """The lesson that the data set expects for a question, which is the one of the workbook."""
    told = {each.name: each.value for each in trace.info.assessments if type(each).__name__ == "Expectation"}
    wanted = QUESTIONS.get(question)
    if wanted is None or told.get("lesson") != wanted:
        raise NotYetError(
            f"For {shown(question)} the data set expects {shown(told.get('lesson'))}.",
            "Take the questions with their lessons from mlcourse.questions.passages.QUESTIONS.",
        )
    return wanted


def span_of(trace: Trace, kind: str) -> Span:
    """The one span of this type in a trace."""
    found = [span for span in trace.data.spans if span.span_type == kind]
    if len(found) != 1:
        raise NotYetError(
            f"The trace of {asked(trace)} has {len(found)} spans of the type {kind}.",
            "Each trace holds one answer: trace the function that calls find and the model once.",
        )
    return found[0]


def documents(trace: Trace) -> tuple[str, list[str]]:
    """The question and the lessons of the passages that a trace has looked up."""
    span = span_of(trace, "RETRIEVER")
    try:
        lessons = [str(document["metadata"]["doc_uri"]) for document in span.outputs]
    except (TypeError, LookupError) as error:
        raise NotYetError(
            f"The span {span.name!r} does not hold passages, but {shown(span.outputs)}.",
            "Let find return its list: page_content, and metadata with doc_uri.",
        ) from error
    return str((span.inputs or {}).get("question", "")), lessons


def lessons_found(trace: Trace, way: str = "words") -> tuple[str, list[str]]:
    """The question and the lessons of the passages that a trace has looked up, which are found when asked again."""
    question, lessons = documents(trace)
    again = [document["metadata"]["doc_uri"] for document in helpdesk.find(question, way, len(lessons))]
    if not lessons or lessons != again:
        raise NotYetError(
            f"For {shown(question)} the trace has the lessons {', '.join(lessons) or 'none'}, found again are "
            f"{', '.join(again) or 'none'}.",
            "Let find look the passages up, and keep what it returns.",
        )
    return question, lessons


def said(trace: Trace, *, another_model: bool = True) -> str:
    """What the model said in a trace; what the stand-in says is asked again.

    The lines of the prompt are those of a passage that the trace has found. What another model says than the stand-in
    cannot be asked again.
    """
    span = span_of(trace, "LLM")
    prompt, words = str((span.inputs or {}).get("prompt", "")), str(span.outputs)
    _from_what_was_found(trace, prompt)
    stand_in = bool(span.attributes.get("stand_in", True))
    if not stand_in and not another_model:
        raise NotYetError(f"In the trace of {asked(trace)} another model answered.", "Ask helpdesk.reply(prompt).")
    if stand_in and helpdesk.reply(prompt) != words:
        raise NotYetError(
            f"The model's span says {shown(words)}; the stand-in answers its prompt otherwise.",
            "Record the prompt that was sent and the words that came back, unchanged.",
        )
    return words


def _from_what_was_found(trace: Trace, prompt: str) -> None:
    """The prompt holds the question, a lesson that was found, and its passage; a line may be missing."""
    question, lessons = documents(trace)
    lesson = helpdesk.line(prompt, "Lesson")
    passages = [PASSAGES.get(each, "") for each in ([lesson] if lesson else lessons)]
    for name, possible in (("Question", [question]), ("Lesson", lessons), ("Passage", passages)):
        found = helpdesk.line(prompt, name)
        if found and found not in [each.strip() for each in possible]:
            raise NotYetError(
                f"For {shown(question)} the prompt has the line {shown(f'{name}: {found}')}, which was not found.",
                "Fill the prompt with the question, and with lesson and passage of a document that find returned.",
            )


def three_lines(trace: Trace) -> None:
    """The prompt has the three lines that the stand-in reads."""
    prompt = str((span_of(trace, "LLM").inputs or {}).get("prompt", ""))
    if missing := [name for name in ("Question", "Lesson", "Passage") if not helpdesk.line(prompt, name)]:
        raise NotYetError(f"The prompt {shown(prompt)} has no line {missing[0]}.", f"Write one: {missing[0]}: …")


def scored(trace: Trace, name: str, right: bool) -> None:
    """A scorer has left this value at the trace."""
    given = [each for each in trace.info.assessments if type(each).__name__ == "Feedback" and each.name == name]
    if not given:
        raise NotYetError(
            f"No scorer {name!r} has looked at the trace of {asked(trace)}.",
            "Give it to mlflow.genai.evaluate in the list of scorers.",
        )
    value = _AS_NUMBER.get(str(given[-1].value).lower(), given[-1].value)
    if value != int(right):
        raise NotYetError(
            f"At the trace of {asked(trace)} {name} is {shown(given[-1].value)}; scored again it is {right}.",
            "Look at what the scorer reads.",
        )
