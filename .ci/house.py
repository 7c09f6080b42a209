"""Prints how long the files and the functions of the package are."""

import ast
import statistics
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "skae"


def lengths_of_functions(tree):
    """Yield the lines of code of each function, without its docstring and signature."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            if ast.get_docstring(node) is not None:
                body = body[1:]
            lines = {line for part in body for line in lines_of(part)}
            yield len(lines)


def lines_of(node):
    return range(node.lineno, node.end_lineno + 1)


files = {path: path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}
lines = {path: len(text.splitlines()) for path, text in files.items()}
functions = sorted(
    length
    for text in files.values()
    for length in lengths_of_functions(ast.parse(text))
)
longest = max(lines, key=lines.get)
print(f"{len(files)} files of {sum(lines.values()):,} lines")
print(f"longest: {longest.relative_to(PACKAGE)}, {lines[longest]} lines")
print(
    f"{len(functions)} functions: median {statistics.median(functions):g} lines, "
    f"nine in ten at most {functions[len(functions) * 9 // 10]}, "
    f"longest {functions[-1]}"
)
