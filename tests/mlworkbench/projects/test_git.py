"""Projects from Git: every way to name a version, never outside of the repository, no command, no secret."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

import mlworkbench as wb
from tests.projects import git, project, repository
from tests.servers import serving

pytestmark = pytest.mark.processes

ECHO = "entry_points: {main: {command: 'echo %s'}}"
SECRET = "tok-3n-S3cret"


def message(error: pytest.ExceptionInfo[wb.ProjectError]) -> str:
    told = str(error.value)
    assert [line.split(":")[0] for line in told.splitlines()] == ["Found", "Expected", "Do this"]
    return told


@pytest.fixture
def repo(tmp_path: Path, home: Path) -> Path:
    """A repository with the branches main and dev, a tag, and a project in a folder of its own."""
    wb.start("projects")
    folder = repository(tmp_path / "repo", "first", "second")
    git(folder, "tag", "v1", "HEAD~1")
    git(folder, "checkout", "--quiet", "-b", "dev/new")
    project(folder, ECHO % "dev")
    project(folder / "sub" / "deep", ECHO % "deep")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "third")
    git(folder, "checkout", "--quiet", "main")
    return folder


def test_a_version_is_a_branch_a_tag_or_a_commit(repo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for where in (str(repo), f"file://{repo}"):
        for version in ("dev/new", git(repo, "rev-parse", "dev/new").strip(), git(repo, "rev-parse", "dev/new")[:8]):
            assert wb.describe_project(f"{where}#sub/deep", version=version).entry_point.tolist() == ["main"]
        for version in ("main", "v1", "HEAD", git(repo, "rev-parse", "--short", "v1").strip()):
            assert "other" in set(wb.describe_project(where, version=version).entry_point)
    git(repo, "update-ref", "refs/pull/1/head", "dev/new")
    alone = git(repo, "commit-tree", "dev/new^{tree}", "-m", "alone").strip()
    git(repo, "update-ref", "refs/pull/2/head", alone)
    assert wb.describe_project(f"file://{repo}#sub/deep", version=alone).entry_point.tolist() == ["main"]
    run = wb.run_project(f"file://{repo}#sub/deep", version="dev/new")
    assert run.data.tags["mlflow.source.git.commit"] == git(repo, "rev-parse", "dev/new").strip()
    assert "\ndeep\n" in capfd.readouterr().out
    assert git(repo, "branch", "--show-current").strip() == "main"


def test_a_project_in_a_submodule_is_found_as_plain_mlflow_finds_it(
    repo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    inner = repository(tmp_path / "inner", "first")
    project(inner, ECHO % "inner")
    git(inner, "commit", "--all", "--message", "echo")
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "below")
    git(repo, "commit", "--message", "submodule")
    for version in (None, "main"):
        wb.run_project(f"file://{repo}#below", version=version)
        assert "\ninner\n" in capfd.readouterr().out


def test_the_printed_line_does_the_same(repo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Plain MLflow takes no short commit, so the line has the whole one; and it takes branches as they are."""
    for version in (git(repo, "rev-parse", "--short", "v1").strip(), "dev/new"):
        run = wb.run_project(f"file://{repo}", version=version)
        line = next(line for line in capfd.readouterr().out.splitlines() if line.startswith("mlflow run"))
        _, *words = shlex.split(line)
        variables = os.environ | {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
        done = subprocess.run(
            [sys.executable, "-m", "mlflow", *words], env=variables, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        (again,) = mlflow.search_runs(max_results=1, search_all_experiments=True, output_format="list")
        assert again.info.run_id != run.info.run_id
        for tag in ("mlflow.source.git.commit", "mlflow.project.entryPoint"):
            assert again.data.tags[tag] == run.data.tags[tag]


@pytest.mark.parametrize(
    ("where", "version"),
    [
        ("--upload-pack=touch {mark};true", "HEAD"),
        ("--upload-pack=touch {mark};true", None),
        ("ext::sh -c touch% {mark}", None),
        ("ext::sh -c touch% {mark}", "HEAD"),
        ("{repo}", "--upload-pack=touch {mark}"),
        ("{repo}", "-f"),
        ("{repo}", "--orphan=x"),
        ("{repo}", ""),
        ("{repo}", "main:MLproject"),
        ("ssh://-oProxyCommand=touch {mark}/x", None),
    ],
)
def test_a_text_is_never_an_option_or_a_command(repo: Path, tmp_path: Path, where: str, version: str | None) -> None:
    words = {"mark": tmp_path / "mark", "repo": repo}
    for call in (wb.describe_project, wb.run_project):
        with pytest.raises(wb.ProjectError) as caught:
            call(where.format(**words), version=version and version.format(**words))
        assert message(caught)
        assert not (tmp_path / "mark").exists()


def test_a_branch_that_begins_with_a_dash_is_no_option(repo: Path) -> None:
    git(repo, "update-ref", "refs/heads/-f", "HEAD")
    with pytest.raises(wb.ProjectError, match="begins with a dash"):
        wb.describe_project(repo, version="-f")
    assert not wb.describe_project(repo, version="refs/remotes/origin/-f").empty


@pytest.mark.parametrize("folder", ["/etc", "{outside}", "..", "../outside", "sub/../../outside", "link", "linked"])
@pytest.mark.parametrize("remote", [True, False])
def test_a_project_never_lies_outside_of_its_repository(repo: Path, tmp_path: Path, folder: str, remote: bool) -> None:
    outside = project(tmp_path / "outside", ECHO % "outside")
    (repo / "link").symlink_to(outside)
    (repo / "linked").mkdir()
    (repo / "linked" / "MLproject").symlink_to(outside / "MLproject")
    git(repo, "add", ".")
    git(repo, "commit", "--message", "links")
    where = f"{f'file://{repo}' if remote else repo}#{folder.format(outside=outside)}"
    for call in (wb.describe_project, wb.run_project):
        with pytest.raises(wb.ProjectError, match="leads out of") as caught:
            call(where)
        assert message(caught)


@pytest.mark.parametrize(
    "bad", [None, 5, b"repo", "a\0b", "a\udcff", 10**5000, True, ["repo"]], ids=lambda bad: type(bad).__name__
)
def test_what_is_no_address_or_version(repo: Path, bad: object) -> None:
    for call in (wb.describe_project, wb.run_project):
        with pytest.raises(wb.ProjectError) as caught:
            call(bad)  # type: ignore[operator]
        assert message(caught)
        if bad is not None:
            with pytest.raises(wb.ProjectError) as caught:
                call(repo, version=bad)  # type: ignore[operator]
            assert message(caught)


# --- credentials


class Server(http.server.SimpleHTTPRequestHandler):
    """Files of a repository for one user."""

    def do_GET(self) -> None:
        said = base64.b64encode(f"user:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {said}":
            return super().do_GET()
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Basic")
        return self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(repo: Path) -> Iterator[str]:
    git(repo, "clone", "--quiet", "--bare", str(repo), str(repo.parent / "www" / "repo.git"))
    git(repo.parent / "www" / "repo.git", "update-server-info")
    handler = functools.partial(Server, directory=str(repo.parent / "www"))
    with serving(handler) as uri:
        yield f"{uri.removeprefix('http://')}/repo.git"


def seen(stop: threading.Event, lines: set[str]) -> None:
    """The command lines of all processes, looked at again and again."""
    while not stop.is_set():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.add(path.read_text(errors="replace"))
            except OSError:
                continue
        time.sleep(0.002)


def test_the_password_of_an_address_is_used_and_appears_nowhere(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stop, lines = threading.Event(), set[str]()
    watcher = threading.Thread(target=seen, args=(stop, lines))
    watcher.start()
    run = wb.run_project(f"http://user:{SECRET}@{address}", version="v1")
    stop.set()
    watcher.join()
    out = capfd.readouterr()
    assert f"mlflow run http://{address} -e main" in out.out
    assert run.data.tags["mlflow.source.name"] == f"http://{address}"
    assert SECRET not in out.out + out.err + str(run.to_dictionary())
    assert any("ls-remote" in line for line in lines)
    assert not [line for line in lines if SECRET in line and "pytest" not in line]


def test_a_wrong_password_is_not_told(address: str) -> None:
    for where in (f"http://user:{SECRET}x@{address}", f"http://{SECRET}x@{address}", f"https://{SECRET}@127.0.0.1:9/a"):
        with pytest.raises(wb.ProjectError, match="Git does not get this project") as caught:
            wb.run_project(where)
        assert SECRET not in message(caught)
        with pytest.raises(wb.ProjectError) as caught:
            wb.run_step(where, "main")
        assert SECRET not in message(caught)
    assert mlflow.search_runs().empty


def test_the_password_in_the_remote_of_a_folder_is_not_kept(repo: Path) -> None:
    """MLflow writes the remote's address into two tags, when it makes the run."""
    git(repo, "remote", "add", "origin", f"https://user:{SECRET}@example.org/repo.git?private_token={SECRET}")
    project(repo, "entry_points: {main: {command: 'echo'}, fail: {command: 'exit 3'}}")
    run = wb.run_project(repo)
    assert run.data.tags["mlflow.source.git.repoURL"] == "https://example.org/repo.git?private_token=***"
    with pytest.raises(wb.ProjectError):
        wb.run_project(repo, entry_point="fail")
    assert SECRET not in str([run.to_dictionary() for run in mlflow.search_runs(output_format="list")])
