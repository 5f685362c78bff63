"""The outer function sets the marks, and `answer` inside of it brings the spans of both steps along.
A loop gives each question a trace of its own, and the flush makes sure that the check finds them.
"""

my_session = "my talk"


@mlflow.trace(name="my talk")
def talk(question, topic):
    mlflow.update_current_trace(tags={"topic": topic}, session_id=my_session)
    return answer(question)


for topic, asked in [("models", "Which flavors does my model have?"), ("projects", "When is a step reused?")]:
    print(talk(asked, topic))
mlflow.flush_trace_async_logging()
