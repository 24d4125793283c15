"""No source shows a text except through the one renderer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pg_evident.places import ROOT

# What people who change or measure the package run, on their own sources and servers.
WORKSHOP = {"bench", "pgtap.py", "profile.py"}
RENDERERS = {"plain", "plain_json", "render", "line"}
# The renderer's own places: lines that are rendered there, or drawn of numbers.
PLACES = {
    "harness/pg_evident/showing.py",
    # Its markup is its own; what it shows is escaped by demo_show.escape.
    "harness/pg_evident/demo/tour.py",
}


def shown(tree: ast.AST) -> Iterator[tuple[int, ast.expr]]:
    """Give what is printed or written to an output, with its line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in ("print", "sys.stdout.write", "sys.stderr.write", "typer.echo"):
            yield from ((node.lineno, each) for each in node.args)
        elif name == "Console":
            yield node.lineno, node.func


def is_plain(value: ast.expr) -> bool:
    """Say whether a text is a constant, rendered, or made of such and of numbers."""
    match value:
        case ast.Constant():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in RENDERERS
        case ast.Call(func=ast.Attribute(attr="join"), args=[ast.GeneratorExp(elt=x)]):
            return is_plain(x)
        case ast.JoinedStr():
            return all(map(is_plain, value.values))
        case ast.FormattedValue():
            # A format such as :, takes numbers alone.
            return value.format_spec is not None or is_plain(value.value)
    return False


def violations(source: str, name: str) -> Iterator[str]:
    for number, value in shown(ast.parse(source)):
        if not is_plain(value):
            yield f"{name}:{number}: {ast.unparse(value)} is shown as it came"


def sources() -> list[Path]:
    return [
        each
        for each in sorted((ROOT / "harness/pg_evident").rglob("*.py"))
        if not WORKSHOP & set(each.relative_to(ROOT / "harness/pg_evident").parts)
        and str(each.relative_to(ROOT)) not in PLACES
    ]


@pytest.mark.promise(27)
def test_no_source_shows_a_text_that_is_not_rendered() -> None:
    found = [
        each
        for file in sources()
        for each in violations(file.read_text(), str(file.relative_to(ROOT)))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "print(error)",
        "print(str(error))",
        'print(f"error: {error}")',
        "sys.stderr.write(row[0])",
        'sys.stdout.write("".join(f"{each}" for each in rows))',
        "console = Console()",
        "typer.echo(message)",
    ],
)
def test_a_source_that_shows_a_text_as_it_came_is_named(source: str) -> None:
    assert list(violations(source, "x.py")) != []
