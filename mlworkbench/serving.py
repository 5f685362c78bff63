"""A model server for the length of a ``with`` block, and how fast it answers."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError
from mlworkbench.models import no_model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import requests
    from matplotlib.axes import Axes

HOST = "127.0.0.1"
PERCENTILES = (50, 95, 99)
_WARM_UP = 10
_GRACE = 5  # seconds that a server has to end in order
_PATIENCE = 120  # seconds that an answer may take; the server itself gives up after 60


@dataclass(frozen=True)
class Latency:
    """How long a server took to answer.

    Attributes
    ----------
    milliseconds : numpy.ndarray of shape (requests,)
        Time from sending a request to having read the answer, in the order of sending.
    rows : int
        Rows in each request.
    """

    milliseconds: np.ndarray
    rows: int

    @property
    def percentiles(self) -> dict[str, float]:
        """Milliseconds within which 50, 95 and 99 % of the answers came: ``latency.percentiles["p99"]``."""
        import numpy as np

        return {f"p{part}": float(np.percentile(self.milliseconds, part)) for part in PERCENTILES}

    @property
    def table(self) -> pd.DataFrame:
        """The percentiles as a table with the columns ``percentile`` and ``milliseconds``."""
        import pandas as pd

        return pd.DataFrame(self.percentiles.items(), columns=["percentile", "milliseconds"])

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {value:.3g} ms" for name, value in self.percentiles.items())
        return f"{len(self.milliseconds)} requests of {self.rows} row(s): {told}"

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False, border=0, float_format="{:.3g}".format)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw which part of the answers had come after how many milliseconds; returns the Axes."""
        import matplotlib.pyplot as plt

        ax = ax or plt.subplots()[1]
        ax.ecdf(self.milliseconds)
        for (name, value), style in zip(self.percentiles.items(), ("-", "--", ":"), strict=True):
            ax.axvline(value, color="black", linewidth=1, linestyle=style, label=f"{name}: {value:.3g} ms")
        ax.set(xlabel="time to answer (ms)", ylabel="part of the answers")
        ax.set_title(f"99 % of the answers came within {self.percentiles['p99']:.3g} ms")
        ax.legend()
        return ax


class Endpoint:
    """A running scoring server. Made by `serve`.

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
        self._log_file, self._log = log_file, ""
        self._session = requests.Session()

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"

    @property
    def log(self) -> str:
        """What the server has written so far; after the block, what it wrote at all."""
        if self._log_file.exists():
            self._log = self._log_file.read_text(encoding="utf-8", errors="replace")
        return self._log

    def predict(self, frame: Any, params: dict[str, Any] | None = None) -> Any:
        """Send rows to the server and return its predictions.

        Parameters
        ----------
        frame : DataFrame, array, list or dict
            The rows, shape (rows, columns), as the model's own ``predict`` takes them.
        params : dict, optional
            Inference parameters of the model.

        Returns
        -------
        numpy.ndarray of shape (rows, …), or pandas.DataFrame
            A DataFrame when the model names its outputs.

        Raises
        ------
        WorkbenchError
            With the server's own words, when it refuses the rows: compare them with `describe_model`.

        See Also
        --------
        https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
        """
        import numpy as np
        import pandas as pd

        found = self._send(_payload(frame, params)).json()["predictions"]
        named = isinstance(found, dict) or (bool(found) and isinstance(found[0], dict))
        return pd.DataFrame(found) if named else np.array(found)

    def latency(self, frame: Any, n: int = 200) -> Latency:
        """Send the same rows ``n`` times, one request after another, and time each.

        The rows are encoded once, the connection is kept open, and ten requests before the first are not counted.

        Parameters
        ----------
        frame : DataFrame, array, list or dict
            What each request sends, as for `predict`.
        n : int, default 200
            How many requests are timed; p99 needs a hundred at least.

        Returns
        -------
        Latency
            With ``.table`` and ``.plot()``.
        """
        import numpy as np

        if n < 1:
            raise WorkbenchError(f"n = {n} requests.", "at least 1.", "Leave n out to time 200.")
        body = _payload(frame, None)
        times = []
        for _ in range(_WARM_UP + n):
            begun = time.perf_counter()
            self._send(body)
            times.append(1000 * (time.perf_counter() - begun))
        return Latency(np.array(times[_WARM_UP:]), len(frame))

    def _send(self, body: bytes) -> requests.Response:
        import requests

        try:
            answer = self._session.post(
                f"{self.url}/invocations", data=body, headers={"Content-Type": "application/json"}, timeout=_PATIENCE
            )
        except requests.RequestException as error:
            raise _failed(f"the server does not answer ({type(error).__name__})", self) from error
        if answer.ok:
            return answer
        raise WorkbenchError(
            f"the server answers {answer.status_code}: {_message(answer)}",
            "rows that the model's signature allows.",
            "Compare names, types and number of the columns with describe_model(…).",
        )

    def _close(self) -> None:
        self._session.close()
        _ = self.log  # keep it: the file goes away


@contextlib.contextmanager
def serve(model_uri: str, *, port: int | None = None, timeout: float = 120) -> Iterator[Endpoint]:
    """Run MLflow's scoring server for a model while the block runs.

    It is the server that ``mlflow models serve --env-manager local`` starts, with the packages that are installed here,
    ready in half the time because no command line stands before it. It ends with the block, whatever ends that, and
    with this process.

    Parameters
    ----------
    model_uri : str
        ``models:/m-…``, ``models:/name/1``, ``models:/name@alias``, ``runs:/…/name``, or a path.
    port : int, optional
        Port on 127.0.0.1; a free one by default.
    timeout : float, default 120
        How long the server may take to be ready, in seconds.

    Yields
    ------
    Endpoint
        With ``url``, ``predict``, ``latency`` and ``log``.

    Raises
    ------
    WorkbenchError
        When there is no model at the URI, when the port is taken (choose another, or leave it out), and when the server
        ends or is not ready in time, with the end of its log.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/

    Examples
    --------
    >>> with wb.serve(info.model_uri) as endpoint:  # doctest: +SKIP
    ...     print(endpoint.predict(X_test[:3]), endpoint.latency(X_test[:1]))
    """
    port = _free_port(port)
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder, "server.log")
        with log_file.open("wb") as log, _process(_download(model_uri, folder), port, log) as process:
            endpoint = Endpoint(f"http://{HOST}:{port}", process.pid, log_file)
            try:
                _wait(process, endpoint, timeout)
                yield endpoint
            finally:
                endpoint._close()


def _free_port(wanted: int | None) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as error:
            raise WorkbenchError(
                f"port {wanted} of {HOST} cannot be used ({error.strerror}).",
                "a port that no other program listens on.",
                "Choose another, or leave port out to get a free one.",
            ) from error
        return int(probe.getsockname()[1])


def _download(model_uri: str, folder: str) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    try:
        Model.load(model_uri)
        return str(mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=folder))
    except (MlflowException, OSError) as error:
        raise no_model(model_uri, error) from error


@contextlib.contextmanager
def _process(path: str, port: int, log: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start the server on the tracking store of this session, and end it whatever happens."""
    import mlflow
    from mlflow.pyfunc import scoring_server

    command, env = scoring_server.get_cmd(path, port, HOST, nworkers=1)
    env |= {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(), "MLFLOW_REGISTRY_URI": mlflow.get_registry_uri()}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlworkbench.scoring", *shlex.split(command)[1:]],
        env=env,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        # Ctrl-C is for this process, which then ends the server in order. (Not a new session: Linux shares out the
        # processor by session, and on a busy machine the server would answer later.)
        process_group=0,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_GRACE)
        finally:
            process.kill()
            process.wait()


class _Line:
    """A line of text that a notebook shows as it is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _wait(process: subprocess.Popen[bytes], endpoint: Endpoint, timeout: float) -> None:
    """Return when the server is ready. A notebook shows how long it takes, and stores only the last words."""
    from IPython.display import display

    begun = time.monotonic()
    shown = display(_Line("Starting MLflow's scoring server."), display_id=True)  # type: ignore[no-untyped-call]
    while not _ready(endpoint):
        seconds = time.monotonic() - begun
        if process.poll() is not None:
            raise _failed(f"the server ended with code {process.returncode} before it was ready", endpoint)
        if seconds > timeout:
            raise _failed(f"the server was not ready after {timeout:g} s", endpoint)
        if shown:
            shown.update(_Line(f"Starting MLflow's scoring server: {seconds:.0f} s."))
        time.sleep(0.1)
    tell = shown.update if shown else display
    tell(_Line("MLflow's scoring server is ready."))


def _ready(endpoint: Endpoint) -> bool:
    import requests

    try:
        return endpoint._session.get(f"{endpoint.url}/ping", timeout=5).ok
    except requests.RequestException:
        return False


def _payload(frame: Any, params: dict[str, Any] | None) -> bytes:
    """The request as MLflow itself writes it."""
    from mlflow.models import convert_input_example_to_serving_input

    return str(convert_input_example_to_serving_input((frame, params) if params else frame)).encode()


def _message(answer: requests.Response) -> str:
    """The heart of what the server says: the end of its message, and the model's own error if there was one."""
    try:
        told = answer.json()
        lines = [told["message"].rpartition("Error: ")[2], *told.get("stack_trace", "").strip().splitlines()[-1:]]
    except (ValueError, KeyError):
        return answer.text[:500]
    return " ".join(line[:500] for line in lines)


def _failed(what: str, endpoint: Endpoint) -> WorkbenchError:
    end = "\n".join(endpoint.log.strip().splitlines()[-15:])
    return WorkbenchError(
        f"{what}. Its log ends with:\n{end}",
        "a model that loads in a new process with the packages that are installed here.",
        "Correct what the last line of the log names; mlflow.pyfunc.load_model(…) shows it too.",
    )
