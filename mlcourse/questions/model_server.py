"""Asks a model at an OpenAI-compatible address, and says in three sentences what is wrong there."""

from __future__ import annotations

import os
from typing import Any

from mlcourse.answers import shown
from mlcourse.questions.helpdesk import reply
from mlworkbench.errors import WorkbenchError, without_password

KEY_VARIABLE = "OPENAI_API_KEY"
_SECONDS = 60
_LOOK = "Look at what the server printed, and ask it yourself with curl"


def complete(prompt: str, address: str = "", model: str = "default") -> str:
    """Answer a prompt: by the stand-in of `helpdesk.reply`, or by a model where there is an address.

    Parameters
    ----------
    prompt : str
        What is said to the model.
    address : str
        Base address of a server that speaks the chat-completions protocol, such as ``http://127.0.0.1:11434/v1``.
        A key, where the server wants one, is read from the environment variable ``OPENAI_API_KEY``.
    model : str
        Name of the model, as the server knows it.

    Raises
    ------
    WorkbenchError
        When nobody answers at the address, or with an error, or with something that is no completion.

    See Also
    --------
    https://platform.openai.com/docs/api-reference/chat
    """
    return _asked(prompt, address, model) if address else reply(prompt)


def _asked(prompt: str, address: str, model: str) -> str:
    import requests

    body = {"model": model, "temperature": 0, "messages": [{"role": "user", "content": prompt}]}
    key = os.environ.get(KEY_VARIABLE)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    place = without_password(address)
    try:
        response = requests.post(
            f"{address.rstrip('/')}/chat/completions", json=body, headers=headers, timeout=_SECONDS
        )
    except (requests.RequestException, ValueError) as error:
        raise WorkbenchError(
            f"no model answers at {place} ({type(error).__name__}).",
            "the base address of a running server, such as http://127.0.0.1:11434/v1.",
            "Start the server, or leave the address empty: then the stand-in answers.",
        ) from error
    if not response.ok:
        raise WorkbenchError(
            f"the model server at {place} answered {response.status_code}: {_start(response.text)}.",
            "status 200 with a completion.",
            f"{_LOOK}. 401 asks for a key in {KEY_VARIABLE}, 404 for another address or model.",
        )
    return _content(response, place)


def _content(response: Any, place: str) -> str:
    try:
        said = response.json()["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        said = None
    if not isinstance(said, str) or not said.strip():
        raise WorkbenchError(
            f"the server at {place} sent no completion, but {_start(response.text)}.",
            "JSON with choices[0].message.content, a text.",
            f"{_LOOK}. The base address often ends with /v1.",
        )
    return said.strip()


def _start(text: str) -> str:
    """The beginning of what somebody sent, in one line."""
    return shown(" ".join(text.split())) if text.strip() else "nothing"
