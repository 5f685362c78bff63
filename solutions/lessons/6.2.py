"""The stand-in names the lesson because the prompt asks for it, and the scorer compares the text with the expectation.
The evaluation stands inside of a run, so that its id is known and the mean has a place.
"""

my_prompt = "Name the lesson.\n\nQuestion: {question}\nLesson: {lesson}\nPassage: {passage}"


@scorer
def names_right_lesson(outputs, expectations):
    return f"Lesson {expectations['lesson']}:" in outputs


with mlflow.start_run(run_name="names the right lesson") as my_run:
    mlflow.genai.evaluate(data=data, predict_fn=desk("parts", prompt=my_prompt), scorers=[names_right_lesson])
my_run_id = my_run.info.run_id
