"""nbgrader's settings for this course. Run nbgrader from this folder: `nbgrader generate_assignment 01_tracking`.

What a course makes (submissions, grades, feedback) stays below ../.mlworkbench/course and out of the repository.
"""

from pathlib import Path

c = get_config()  # noqa: F821 (nbgrader provides it)
course = Path(__file__).resolve().parents[1] / ".mlworkbench" / "course"
course.mkdir(parents=True, exist_ok=True)

c.CourseDirectory.course_id = "mlworkbench"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = str(course / "submitted")
c.CourseDirectory.autograded_directory = str(course / "autograded")
c.CourseDirectory.feedback_directory = str(course / "feedback")
c.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"

c.ClearSolutions.code_stub = {"python": "..."}
c.ClearSolutions.text_stub = "*Write your answer here.*"
c.ExecutePreprocessor.timeout = 600
