"""What talks to a running model server: predictions over HTTP, and how long they take."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, shown
from mlworkbench.models.wire import as_request, from_answer
from mlworkbench.serving.latency import Latency
from mlworkbench.waiting import LONGER, patience

if TYPE_CHECKING:
    import requests
_WARM_UP = 10
_MOST_CLIENTS = 64
_MOST_REQUESTS = 1_000_000
_ANSWER_SECONDS = 120  # the server itself gives up after 60
_PING_SECONDS = 5
_LOG_SECONDS = 2
_BROKEN = 500  # what MLflow's server says when it cannot write an answer as JSON
_CURES = (
    (
        "rows that the model's signature allows.",
        "Compare names, types and number of the columns with describe_model(…). Categories and time zones do not "
        "travel as JSON: ask for such rows with score.",
    ),
    (
        "an answer that can be written as JSON.",
        "Let the model answer with numbers, texts, a list, a dict, an array or a table of these, in which "
        "each column has a name of its own; score takes others.",
    ),
)


class Endpoint:
    """A running scoring server. Made by `mlworkbench.serve`.

    Attributes
    ----------
    url : str
        Address of the server; it answers at ``/invocations``, ``/ping``, ``/health`` and ``/version``.
    pid : int
        Number of the server's process.
    """

    def __init__(self, url: str, pid: int, log_file: Path) -> None:
        import requests

        self.url, self.pid = url, pid
        self._log_file, self._log, self._read = log_file, "", 0
        self._session, self._closed = requests.Session(), False
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=_MOST_CLIENTS))

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"

    @property
    def log(self) -> str:
        """What the server has written so far; after the block, what it wrote at all."""
        if self._log_file.exists():
            self._log = self._log_file.read_text(encoding="utf-8", errors="replace")
        return self._log

    def is_ready(self) -> bool:
        """Whether the server answers, which it does when its model is loaded."""
        import requests

        try:
            return self._session.get(f"{self.url}/ping", timeout=patience(_PING_SECONDS)).ok
        except requests.RequestException:
            return False

    def predict(self, frame: Any, params: dict[str, Any] | None = None) -> Any:
        """Send rows to the server and return its predictions: an array, or a DataFrame when the outputs have names.

        What is neither, such as a dict of numbers, is returned as it is.

        Parameters
        ----------
        frame : DataFrame, array, list or dict
            The rows, shape (rows, columns), as the model's own ``predict`` takes them.
        params : dict, optional
            Inference parameters of the model.

        Raises
        ------
        WorkbenchError
            With the server's own words, when it refuses the rows: compare them with `describe_model`.
        """
        found = self._send(as_request(frame, params)).json()
        return from_answer(found.get("predictions", found) if isinstance(found, dict) else found)

    def latency(self, frame: Any, n: int = 200, *, params: dict[str, Any] | None = None, clients: int = 1) -> Latency:
        """Time ``n`` requests of the same rows; ten of each client before are not counted.

        Parameters
        ----------
        frame, params
            What each request sends, as for `predict`.
        n : int, default 200
            How many requests are timed; p99 needs a hundred at least.
        clients : int, default 1
            How many send at the same time: threads of this process, which share its processor time with the server.
        """
        import numpy as np

        require_whole("n", n, 1, _MOST_REQUESTS, " requests")
        require_whole("clients", clients, 1, _MOST_CLIENTS)
        body = as_request(frame, params)

        def milliseconds(_: int) -> float:
            begun = time.perf_counter()
            self._send(body)
            return 1000 * (time.perf_counter() - begun)

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(milliseconds, range(_WARM_UP * clients)))
            begun = time.perf_counter()
            times = list(pool.map(milliseconds, range(n)))
            per_second = n / (time.perf_counter() - begun)
        rows = frame.shape[0] if hasattr(frame, "shape") else len(frame) if isinstance(frame, list) else 1
        return Latency(np.array(times), rows, clients, per_second)

    def _send(self, body: str) -> requests.Response:
        import requests

        if self._closed:
            raise WorkbenchError("the server is closed.", "a running server.", "Ask it inside of the with block.")
        try:
            answer = self._session.post(
                f"{self.url}/invocations",
                data=body.encode(),
                headers={"Content-Type": "application/json"},
                timeout=(seconds := patience(_ANSWER_SECONDS)),
            )
        except requests.RequestException as error:
            raise server_error(
                f"the server does not answer within {seconds:g} s ({type(error).__name__})", self
            ) from error
        if answer.ok:
            return answer
        expected, do = _CURES[answer.status_code == _BROKEN]
        why = [] if answer.status_code != _BROKEN else self._error_in_log()
        told = " ".join([*_message(answer), *why])
        raise WorkbenchError(f"the server answers {answer.status_code}: {told}", expected, do)

    def _error_in_log(self) -> list[str]:
        """What the server writes of an error of its own: only into its log, and after it has answered."""
        until = time.monotonic() + patience(_LOG_SECONDS)
        while not (new := _errors(self.log[self._read :])) and time.monotonic() < until:
            time.sleep(0.05)
        self._read = len(self._log)
        return new[-1:]

    def close(self) -> None:
        """Close the connection and keep the log, whose file goes away."""
        self._session.close()
        self._closed, _ = True, self.log


def require_whole(name: str, value: Any, least: int, most: int, unit: str = "") -> None:
    """Refuse what is not a whole number within limits."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= int(value) <= most:
        raise WorkbenchError(
            f"{name} = {shown(value)}{unit}.",
            f"a whole number from {least} to {most}.",
            f"Leave {name} out, or correct it.",
        )


def _message(answer: requests.Response) -> list[str]:
    """The heart of what the server says: the end of its message, and the model's own error if there was one."""
    try:
        told = answer.json()
        lines = [told["message"].rpartition("Error: ")[2], *_errors(told.get("stack_trace", ""))[-1:]]
    except (ValueError, KeyError):
        lines = [answer.text]
    return [line[:500] for line in lines]


def _errors(trace: str) -> list[str]:
    """The lines of a traceback that name an error; libraries in C add some of their own behind it."""
    return re.findall(r"^[\w.]*(?:Error|Exception|Warning)\b.*", trace, re.MULTILINE)


def server_error(what: str, endpoint: Endpoint) -> WorkbenchError:
    """Build the error for a server that does not do what it should, with the end of its log."""
    end = "\n".join(endpoint.log.strip().splitlines()[-15:])
    return WorkbenchError(
        f"{what}. Its log ends with:\n{end}",
        "a model that loads in a new process with the packages that are installed here.",
        f"Correct what the last line of the log names (mlflow.pyfunc.load_model(…) shows it too), or {LONGER}.",
    )
