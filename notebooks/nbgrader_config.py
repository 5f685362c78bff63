"""nbgrader's settings for this course. Run nbgrader from this folder: `nbgrader generate_assignment 01_tracking`.

What a course makes (submissions, grades, feedback) stays below ../.mlworkbench/course and out of the repository.
"""

from pathlib import Path

c = get_config()  # noqa: F821 (nbgrader provides it)
course = Path(__file__).resolve().parents[1] / ".mlworkbench" / "course"
course.mkdir(parents=True, exist_ok=True)
course.chmod(0o700)  # grades and submissions are nobody else's

c.CourseDirectory.course_id = "mlworkbench"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = str(course / "release")  # exercises/ holds the work of whoever learns here
c.CourseDirectory.submitted_directory = str(course / "submitted")
c.CourseDirectory.autograded_directory = str(course / "autograded")
c.CourseDirectory.feedback_directory = str(course / "feedback")
c.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}?timeout=60"

c.ClearSolutions.code_stub = {"python": "..."}
c.ClearSolutions.text_stub = "*Write your answer here.*"

# a submission runs shut in, in a process of its own; a second process judges what it leaves
c.Autograde.autograde_preprocessors = [
    "mlcourse.grading.preprocessor.RunAndJudge",
    "nbgrader.preprocessors.IgnorePattern",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.HTMLExporter.sanitize_html = True  # feedback shows what a learner wrote, and runs none of it
