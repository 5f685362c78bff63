"""Where artifacts lie: an experiment keeps the place with which it was made, when its store is moved or shared too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mlworkbench.workbook import real_path

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

    from mlworkbench.store import Store

_NEW = "To keep new ones with the store, use another name or fresh=True."


def local_path(uri: str | None) -> Path | None:
    """The local path of an artifact location; None for one that is kept elsewhere, and for what is no address."""
    from mlflow.utils.file_utils import local_file_uri_to_path

    try:
        here = uri and "\0" not in uri and urlsplit(uri).scheme in ("", "file")
    except ValueError:
        return None
    return Path(local_file_uri_to_path(uri)) if here else None


def is_there(path: Path) -> bool:
    """Whether a path can be reached by this user."""
    try:
        return path.exists()
    except OSError:
        return False


def is_elsewhere(path: Path, store: Store) -> bool:
    """Whether artifacts at a path do not lie with the store, or, where a server keeps them, not at all."""
    root = local_path(store.artifact_root)
    return not real_path(path).is_relative_to(real_path(root)) if root else not is_there(path)


def notes_on_locations(client: MlflowClient, store: Store, active: Experiment) -> list[str]:
    """What the reader should know when the store was moved, copied or is shared; empty when all lies with the store."""
    notes, root = [], local_path(store.artifact_root)
    path = local_path(active.artifact_location)
    if root and unquote(str(root)) != str(root):
        notes.append(
            f"The path {root} has a '%' before two digits, which MLflow decodes twice: it will not find registered "
            "models there. Rename the folder, or set MLWORKBENCH_HOME to another one."
        )
    if path and is_elsewhere(path, store):
        gone = "" if is_there(path.parent) else ", where nothing is any more: was the store moved? Move it back"
        notes.append(f"Artifacts of this experiment, old and new, belong to {path}{gone}. {_NEW}")
    others = [
        repr(experiment.name)
        for experiment in client.search_experiments()
        if experiment.experiment_id not in ("0", active.experiment_id)
        if (place := local_path(experiment.artifact_location)) and is_elsewhere(place, store)
        if not is_there(place.parent)
    ]
    if others and root:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""  # noqa: PLR2004 (more would fill the card)
        notes.append(
            f"The artifacts of {', '.join(others[:3])}{more} are not where they were logged: was the store moved? "
            f"New experiments go to {root}; the others need the old place, as `mlworkbench doctor` tells."
        )
    return notes
