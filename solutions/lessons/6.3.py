"""The first version takes the alias, since somebody has to be in production, and the second one is tried before.
The tags tell the next reader what was replaced, and why.
"""

my_prompt = "my-help-desk"
for orders in ("Answer from the passage.", "Answer in one sentence and name the lesson."):
    newest = mlflow.genai.register_prompt(name=my_prompt, template=f"{orders}\n\n{form}")
mlflow.genai.set_prompt_alias(my_prompt, "production", newest.version - 1)

everything = [{"inputs": {"question": question}} for question in QUESTIONS]
with mlflow.start_run(run_name="my prompt"):
    tried = mlflow.genai.evaluate(
        data=everything, predict_fn=desk(prompt=newest.template), scorers=[names_source, words]
    )
if tried.metrics["names_source/mean"] >= 0.9 and tried.metrics["words/mean"] <= 20:
    mlflow.genai.set_prompt_version_tag(my_prompt, newest.version, "replaces", str(newest.version - 1))
    mlflow.genai.set_prompt_version_tag(my_prompt, newest.version, "why", "Short answers that name their source.")
    mlflow.genai.set_prompt_alias(my_prompt, "production", newest.version)
