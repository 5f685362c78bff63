"""moto's S3 with the health path of the server that it stands in for."""

from collections.abc import Callable, Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

moto = DomainDispatcherApplication(create_backend_app)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer the health check here, and everything else by moto."""
    if environ["PATH_INFO"] == "/health":
        start_response("200 OK", [])
        return [b""]
    return moto(environ, start_response)


run_simple("0.0.0.0", 7070, application, threaded=True)  # noqa: S104 (in a container without published ports)
