"""What the help desk of part 6 knows: passages, each about a lesson, and questions with the lesson that answers them.

The passages were written for this part. Editing a lesson changes none of them, nor what part 6 shows.
"""

from __future__ import annotations

PASSAGES = {
    "1.1": "An experiment holds the runs that answer one question. A run has a name, tags, a status and a start time. "
    "A child run is started inside of its parent with nested=True. Deleted runs wait in a bin until mlflow gc.",
    "1.2": "A parameter is logged once and stored as text. A metric is a number, and with step=… it has a history. "
    "Tables, figures and files are artifacts. log_input names the data set on which a model was trained.",
    "1.3": "Autologging watches fit and logs parameters, metrics and the model without a line of your own. "
    "It clashes with values that you log by hand under the same name. It is switched off with disable=True.",
    "1.4": "search_runs takes a filter such as metrics.rmse < 0.5 and returns a table. Values of parameters stand in "
    "single quotes. Conditions are joined by and, never by or. order_by sorts, max_results limits.",
    "1.5": "A hyperparameter search is a parent run with a child for each trial. Choose by the mean of the folds, "
    "never by the best fold, which is best by luck. Optuna proposes the next trial from the results of the "
    "earlier ones.",
    "2.1": "The MLmodel file lists the flavors of a stored model, its signature and its environment. The flavor "
    "python_function gives every model the same predict. A model is loaded by an address such as models:/name/1.",
    "2.2": "A signature names the columns and types that a model takes. A missing column is refused, an extra one is "
    "dropped. An integer column with gaps becomes double, which the signature has to allow.",
    "2.3": "A PythonModel wraps any code as a model, and its predict takes params. A pickle can run code when it is "
    "loaded, skops refuses types that nobody trusts. ONNX runs a model without Python.",
    "2.4": "mlflow.models.evaluate computes metrics and plots of a model on test rows. A threshold says what has to be "
    "reached, alone and against a baseline. A gate raises an error when a candidate misses one.",
    "2.5": "mlflow models serve starts a server that answers requests at /invocations. It takes dataframe_split, "
    "dataframe_records, inputs and instances. Measure latency as percentiles, since a mean hides the slow ones.",
    "3.1": "Registering a model gives it a name and the next version number. Descriptions and tags say what a version "
    "is. search_model_versions finds versions by name and tag.",
    "3.2": "An alias points to one version, so production is an alias. A tag such as stage can be on any number of "
    "versions. The old stages are deprecated. An audit trail tells who moved which version, when and why.",
    "3.3": "A challenger is promoted when it passes a gate against the champion. A rollback gives the alias back to "
    "the version that was there before. A deleted version cannot be restored.",
    "4.1": "An MLproject file names the entry points of a project, their parameters and their types. python_env.yaml "
    "states the Python packages. A project can also name a conda file or a Docker image.",
    "4.2": "mlflow run starts a project from a folder or from a Git address at a commit. The environment manager "
    "builds the environment, local takes the one that is there. Each start leaves a run with the parameters.",
    "4.3": "A workflow is a parent run with a child for each step. A step hands its artifacts on by the id of its run. "
    "A step whose inputs and code are unchanged is reused from its earlier run.",
    "4.4": "papermill executes a notebook with other parameters and keeps the outputs. A sweep executes it once for "
    "each point of a grid, on all cores. A notebook that fails is kept with its error.",
    "5.1": "Write the success criterion down before the first model. A heuristic such as always up is the baseline. "
    "An interval tells whether an accuracy could be luck.",
    "5.2": "A random split of days with overlapping answers leaks the future into training. Split in time, with a "
    "gap. A feature that looks ahead changes when later prices are changed.",
    "5.3": "Walk-forward validation trains on the past and tests on the years that follow. Compare every model with "
    "the best heuristic on the same days. A small gain may vanish in the interval.",
    "5.4": "A pilot runs the whole pipeline on real data before anybody relies on it. The gate compares the candidate "
    "with the best heuristic. Broken prices stop the pipeline before training.",
    "5.6": "Drift means that today's data differ from those of training. A monitor compares each month with a "
    "reference and raises an alert. Retraining helps only when newer data tell something new.",
    "5.7": "A sweep scales from all cores to a Ray cluster of several machines. SQLite takes one writer at a time, "
    "PostgreSQL takes many. Files move to object storage that all machines reach.",
}
"""By the number of the lesson."""

QUESTIONS = {
    "How do I start a child run inside another run?": "1.1",
    "Where do deleted runs go?": "1.1",
    "How can I see how a metric changed over the epochs?": "1.2",
    "Why does a parameter come back as text?": "1.2",
    "Can MLflow log a fit without any line of mine?": "1.3",
    "How do I switch autologging off?": "1.3",
    "How do I sort the results of a search for runs?": "1.4",
    "Why is my filter with or not accepted?": "1.4",
    "Which trial of a search should I choose?": "1.5",
    "Is the best fold a fair score?": "1.5",
    "Which flavors does my model have?": "2.1",
    "At which address can I load a model?": "2.1",
    "What happens when a column is missing?": "2.2",
    "Why are my integers turned into double?": "2.2",
    "Is it dangerous to load a pickle?": "2.3",
    "Can a model run without Python?": "2.3",
    "How do I compare a candidate with a baseline?": "2.4",
    "Which call computes plots on the test rows?": "2.4",
    "Which formats can I send to a server?": "2.5",
    "How fast are the answers of a served model?": "2.5",
    "Who gives a model its version number?": "3.1",
    "How do I find versions by a tag?": "3.1",
    "Who moved this version to production?": "3.2",
    "May two versions hold the same alias?": "3.2",
    "How do I roll back to the version before?": "3.3",
    "Can I restore a version that I deleted?": "3.3",
    "Where do I declare the types of parameters of a project?": "4.1",
    "How do I state which packages a project needs?": "4.1",
    "Can I run a project from Git?": "4.2",
    "Who builds the environment of a run?": "4.2",
    "When is a step reused?": "4.3",
    "How does one step get the artifacts of another?": "4.3",
    "How do I execute a notebook with other parameters?": "4.4",
    "What becomes of a notebook that failed?": "4.4",
    "When should the criterion of success be written?": "5.1",
    "Could my accuracy be luck?": "5.1",
    "Why is a random split wrong for days of prices?": "5.2",
    "How do I prove that a feature does not look ahead?": "5.2",
    "How do I validate a model on the past only?": "5.3",
    "With which rule should I compare my models?": "5.3",
    "What is a pilot good for?": "5.4",
    "What happens to the pipeline when prices are broken?": "5.4",
    "How do I notice that the data have drifted?": "5.6",
    "When does retraining help?": "5.6",
    "Can several processes write to SQLite?": "5.7",
    "How do I run a sweep on many machines?": "5.7",
}
"""Two a lesson, in the words of learners, with the number of the lesson that answers them."""
