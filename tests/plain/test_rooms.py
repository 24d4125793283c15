"""The order of the rooms of the package: nothing imports upwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pg_evident.places import PACKAGE, ROOT

# From the bottom up. What stands in one line may import only what stands in a line
# before it, and of its own room anything that makes no circle.
FLOORS = (
    ("verifier",),
    ("failure", "stopping", "dsn_errors"),
    ("showing", "places", "database"),
    ("access",),
    ("installed",),
    ("steps",),
    ("server",),
    ("ledger", "migrate", "intake", "relay"),
    ("projections", "export"),
    ("demo", "workshop"),
    ("bench",),
    ("cli",),
    ("__main__",),
)


def floor_of(module: str) -> int:
    """Return the floor of a module, by the first name in the package."""
    room = module.split(".")[0]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def modules(package: Path) -> dict[str, Path]:
    """Name each module of the package without the package's own name."""
    found = {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for path in package.rglob("*.py")
    }
    return {name.removesuffix("__init__").rstrip("."): found[name] for name in found}


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Give the modules of the package that one of them imports, wherever it does."""
    home = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            wanted = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            parts = home.split(".") if home else []
            parts = parts[: len(parts) - node.level + 1]
            base = ".".join(["pg_evident", *parts, *filter(None, [node.module])])
            wanted = [f"{base}.{each.name}" for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            wanted = [f"{node.module}.{each.name}" for each in node.names]
        else:
            continue
        for each in wanted:
            inside = each.removeprefix("pg_evident.")
            if inside != each:
                yield inside if inside in known else inside.rpartition(".")[0]


def arrows(package: Path) -> set[tuple[str, str]]:
    """List which module imports which; the package itself is nobody's import."""
    known = modules(package)
    return {
        (name, other)
        for name, path in known.items()
        for other in imports(name, path, known)
        if other
    }


def upwards(package: Path) -> list[str]:
    """Describe each import of something that is not below."""
    return sorted(
        f"{name} imports {other}"
        for name, other in arrows(package)
        if name.split(".")[0] != other.split(".")[0]
        and floor_of(name) <= floor_of(other)
    )


def circles(package: Path) -> list[str]:
    """List the modules that import themselves, by whatever way."""
    below: dict[str, set[str]] = {}
    for name, other in arrows(package):
        below.setdefault(name, set()).add(other)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = below.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        return seen

    return sorted(name for name in below if name in reached(name))


def test_nothing_imports_upwards() -> None:
    assert upwards(PACKAGE) == []


def test_no_module_imports_itself_by_a_detour() -> None:
    assert circles(PACKAGE) == []


def test_the_verifier_imports_nothing_of_the_rest() -> None:
    found = [
        (name, other)
        for name, other in arrows(PACKAGE)
        if name.split(".")[0] == "verifier" and other.split(".")[0] != "verifier"
    ]
    assert found == []


def test_each_room_has_a_floor() -> None:
    rooms = {name.split(".")[0] for name in modules(PACKAGE) if name}
    assert rooms == {room for rooms in FLOORS for room in rooms}


def test_support_of_the_tests_imports_no_subject_and_no_report() -> None:
    """Subjects import support; support imports nothing that stands above it."""
    tests = ROOT / "tests"
    rooms = {each.name for each in tests.iterdir() if each.is_dir()} - {"support"}
    found = [
        (path.name, name)
        for path in (tests / "support").rglob("*.py")
        for name in imported(path)
        if name.split(".")[0] in rooms - {"golden"}
    ]
    assert found == []


def imported(path: Path) -> Iterator[str]:
    """Give the names of all modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize(
    ("place", "line", "found"),
    [
        ("database.py", "from pg_evident.cli import target", "database imports"),
        ("verifier/walk.py", "from .. import failure", "verifier.walk imports failure"),
        ("ledger/seal.py", "import pg_evident.demo.tour", "ledger.seal imports demo"),
    ],
)
def test_an_import_upwards_is_found(
    tmp_path: Path, place: str, line: str, found: str
) -> None:
    """The broken twin: a package with one arrow that points up."""
    for name in ("cli/target", "demo/tour", "failure", "ledger/seal", "database"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "verifier").mkdir()
    (tmp_path / place).write_text(f"def later():\n    {line}\n")
    assert any(each.startswith(found) for each in upwards(tmp_path))


def test_a_circle_is_found(tmp_path: Path) -> None:
    """The broken twin: two modules of one room that import each other."""
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / f"{name}.py").write_text(f"from pg_evident import {other}\n")
    assert circles(tmp_path) == ["one", "two"]
