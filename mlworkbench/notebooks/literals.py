"""Values as they are written: Python's literals, inf and nan, and the words of JSON."""

from __future__ import annotations

import ast
import math
from typing import Any

_WORDS = {"true": True, "false": False, "null": None, "inf": math.inf, "Infinity": math.inf} | dict.fromkeys(
    ("nan", "NaN"), math.nan
)
_NUMBERS = {f"{module}.{name}": _WORDS[name] for module in ("math", "np", "numpy") for name in ("inf", "nan")}

NO_LITERAL = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)
"""What `literal` raises for a text that is none."""


class _Words(ast.NodeTransformer):
    """Puts in the values of names that stand for one."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """``inf``, ``nan``, and ``true``, ``false`` and ``null`` of JSON."""
        return ast.Constant(_WORDS[node.id]) if node.id in _WORDS else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """``math.inf``, ``np.nan`` and the like."""
        text = ast.unparse(node)
        return ast.Constant(_NUMBERS[text]) if text in _NUMBERS else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """``float("-inf")`` and the like."""
        given = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if ast.unparse(node.func) == "float" and len(node.args) == len(given) == 1 and not node.keywords:
            return ast.Constant(float(given[0]))
        return node


def literal(source: str | ast.expr) -> Any:
    """The value of a literal; one of `NO_LITERAL` tells that it is none."""
    tree = ast.parse(source.strip(), mode="eval").body if isinstance(source, str) else source
    return ast.literal_eval(_Words().visit(tree))
