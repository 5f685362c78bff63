"""What goes between a client and MLflow's scoring server, as JSON: rows there, answers back, and what that changes."""

from __future__ import annotations

import copy
import io
import json
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, told
from mlworkbench.models.answers import same

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel


def as_request(rows: Any, params: dict[str, Any] | None = None) -> str:
    """Rows as MLflow writes them to a file and sends them to a server; refuses a form that it does not know."""
    from mlflow.models import convert_input_example_to_serving_input

    try:
        alike = _dates_alike(rows)
        return str(convert_input_example_to_serving_input((alike, params) if params else alike))
    except Exception as error:
        if "for parameters" in str(error):
            raise WorkbenchError(
                f"inference parameters that MLflow cannot write ({told(error, 150)}).",
                "numbers, texts, dates, True, False, or lists of these.",
                "Leave out a parameter that is None, and let the model choose its value.",
            ) from error
        kind = f"{type(rows).__module__.partition('.')[0]}.{type(rows).__name__}"
        raise WorkbenchError(
            f"rows in the form of a {kind} that MLflow cannot write ({told(error, 120)}).",
            "a DataFrame, an array, a list, a dict, or a sparse matrix in the form csr or csc.",
            _in_another_form(rows),
        ) from error


def _dates_alike(rows: Any) -> Any:
    """Dates that MLflow would write with and without fractions, all with them: the server reads all like the first."""
    import numpy as np
    import pandas as pd

    if not isinstance(rows, pd.DataFrame):
        return rows
    alike = rows.copy(deep=False)
    for place, kind in enumerate(rows.dtypes):
        if isinstance(kind, np.dtype) and kind.kind == "M":
            column = rows.iloc[:, place]
            if len({len(each.isoformat()) for each in column.dropna()}) > 1:
                alike.isetitem(place, np.datetime_as_string(column.to_numpy(), unit="ns"))
    return alike


def _in_another_form(rows: Any) -> str:
    import pandas as pd

    if isinstance(rows, pd.Series):
        return "Make a DataFrame of it: series.to_frame() for a column, series.to_frame().T for one row."
    if hasattr(rows, "tocsr"):
        return "Convert it with scipy.sparse.csr_matrix(rows)."
    if isinstance(rows, dict):
        return "Make a DataFrame of it: pd.DataFrame(rows)."
    if isinstance(rows, list) and any(hasattr(part, "ndim") for part in rows):
        return "Name the arrays: {'name of the input': array, …}."
    if isinstance(rows, pd.DataFrame | list):
        return "Give numbers, texts, dates or gaps (None, NaN), as in rows.astype({'column': str})."
    return "Give the table that it was made from, or an array of usual numbers, as in np.asarray(rows, float)."


def from_answer(found: Any) -> Any:
    """What a server answers as an array, or a table when the outputs have names; what is neither, as it is."""
    import numpy as np
    import pandas as pd

    columns = isinstance(found, dict) and all(isinstance(value, list) for value in found.values())
    try:
        if columns or (isinstance(found, list) and found and all(isinstance(row, dict) for row in found)):
            return pd.DataFrame(found)
        if not isinstance(found, list):
            return found
        array = np.array(found)
    except ValueError:  # parts of different length
        return found
    exact = np.array(found, dtype=object)
    kinds = {type(each) for each in exact.flat}
    if kinds <= {int, float, type(None)}:
        return array.astype(float) if type(None) in kinds else array
    return array if len(kinds) == 1 else exact  # numpy would write the number beside a text as a text


def why_not_served(stored: PyFuncModel, rows: Any, params: dict[str, Any]) -> str:
    """Why MLflow's server does not give to these rows the answer of pyfunc; empty if it does."""
    import pandas as pd
    from mlflow.pyfunc import scoring_server

    own = io.StringIO()
    try:
        answer = stored.predict(copy.deepcopy(rows), params=params or None)
        if not getattr(answer, "columns", pd.Index([])).is_unique:
            return "columns of its answer have the same name, of which JSON keeps one"
        scoring_server.predictions_to_json(answer, own)
        body, schema = as_request(rows, params), stored.metadata.get_input_schema()
        said = scoring_server.invocations(body, "application/json", stored, schema).response
    except Exception as error:
        return told(error.__context__ or error, 150)
    theirs, ours = (from_answer(json.loads(text).get("predictions")) for text in (said, own.getvalue()))
    return "" if same(theirs, ours) else "it would answer something else"
