"""The house stays as it was drawn. Who may import whom is a contract in pyproject.toml."""

import ast
from pathlib import Path

PROGRAM = Path(__file__).parent.parent / "assistant"
MODULES = {path.relative_to(PROGRAM): path.read_text() for path in PROGRAM.rglob("*.py")}

# These may only fall: what is above them fails, and so does what is so far below that they lie.
LONGEST_MODULE = 350
LONGEST_FUNCTION = 48


def ratchet(found, most, slack):
    assert found <= most, f"{found}: split it; {most} may only fall"
    assert found > most - slack, f"lower the {most} to {found}"


def test_no_module_is_longer_than_the_longest_was():
    ratchet(max(len(text.splitlines()) for text in MODULES.values()), LONGEST_MODULE, 20)


def test_no_function_is_longer_than_the_longest_was():
    functions = (
        node
        for text in MODULES.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    longest = max(node.end_lineno - node.lineno + 1 for node in functions)
    ratchet(longest, LONGEST_FUNCTION, 5)


def test_each_room_says_what_it_promises():
    for path, text in MODULES.items():
        if path.name == "__init__.py" and path.parent.parts:
            assert ast.get_docstring(ast.parse(text)).count("\n") == 0, path
