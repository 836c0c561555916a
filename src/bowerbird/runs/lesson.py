"""What lessons show: the package's own code in the page."""

import ast
import inspect
import textwrap

from IPython.display import Code


def show_code(*objects) -> Code:
    """The source of functions, methods or classes, without their docstrings, highlighted in the page."""
    return Code("\n\n\n".join(source_without_docstring(one) for one in objects), language="python")


def source_without_docstring(one) -> str:
    """The source of a function, method or class; comments stay, its docstrings go."""
    source = textwrap.dedent(inspect.getsource(one))
    lines, gone = source.splitlines(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None and node.body[1:]:
            first, next_one = node.body[0], node.body[1]
            gone |= set(range(first.lineno, first.end_lineno + 1))
            gone |= {n for n in range(first.end_lineno + 1, next_one.lineno) if not lines[n - 1].strip()}
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in gone)
