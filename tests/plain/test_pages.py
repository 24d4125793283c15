"""The pages for contributors are true: paths, links, names, rooms, commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pg_evident.places import PACKAGE, ROOT
from pg_evident.verifier.main import _parser

ARCHITECTURE = "docs/design/architecture.md"
NEW = (
    ARCHITECTURE,
    "SECURITY.md",
    "CODE_OF_CONDUCT.md",
    ".github/PULL_REQUEST_TEMPLATE.md",
)
PAGES = (*NEW, "CONTRIBUTING.md")
COLUMNS = 100

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^]]+\]: (\S+)$", re.M)
_OURS = ("sql/", "harness/", "tests/", "docs/", "migrations/", ".github/")
_FILE = re.compile(r"[\w.-]+\.(?:sql|py|md|yml|toml|lock)")


def page(path: str) -> str:
    """Read a page without its blocks of code."""
    return re.sub(r"```.*?```", "", (ROOT / path).read_text(), flags=re.S)


def stems() -> set[str]:
    """Name every function, view and aggregate of the store."""
    return {each.stem for each in (ROOT / "sql/functions").rglob("*.sql")}


def broken_paths(text: str, root: Path = ROOT) -> list[str]:
    """List what looks like a path of the repository and is none.

    A file that is named alone lies beside the path before it in its line, or at the
    top.
    """
    broken = []
    for line in text.splitlines():
        folder = root
        for code in _CODE.findall(line):
            if code.startswith(_OURS) and not re.search(r"[<>*…]|\.\.\.", code):
                place = root / code
                folder = place if code.endswith("/") else place.parent
            elif _FILE.fullmatch(code):
                place = folder / code
                place = place if place.exists() else root / code
            else:
                continue
            if not place.exists():
                broken.append(code)
    return broken


def anchors(text: str) -> set[str]:
    """Name the headings of a page as links do."""
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in heads}


def broken_links(path: str, text: str, root: Path = ROOT) -> Iterator[str]:
    """List relative links that lead nowhere."""
    for pair in _LINK.findall(text):
        target = pair[0] or pair[1]
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        place = (root / path).parent / name if name else root / path
        if not place.exists() or (anchor and anchor not in anchors(place.read_text())):
            yield target


@pytest.mark.parametrize("path", PAGES)
def test_every_path_on_a_page_exists(path: str) -> None:
    assert broken_paths(page(path)) == []


@pytest.mark.parametrize("path", PAGES)
def test_every_relative_link_leads_somewhere(path: str) -> None:
    assert list(broken_links(path, page(path))) == []


@pytest.mark.parametrize("path", NEW)
def test_no_line_of_a_new_page_is_too_long(path: str) -> None:
    lines = (ROOT / path).read_text().splitlines()
    assert [each for each in lines if len(each) > COLUMNS] == []


def test_a_path_that_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "sql/functions").mkdir(parents=True)
    (tmp_path / "sql/functions/seal.sql").touch()
    text = "| `sql/functions/seal.sql`, `_gone.sql` | `sql/other/` | `evident.seal()` |"
    assert broken_paths(text, tmp_path) == ["_gone.sql", "sql/other/"]


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/one.md").write_text("# One and two\n")
    text = "[a](one.md#one-and-two) [b](one.md#three) [c](two.md)\n\n[d]: three.md\n"
    found = list(broken_links("docs/other.md", text, tmp_path))
    assert found == ["one.md#three", "two.md", "three.md"]


def table(heading: str) -> list[list[str]]:
    """List the rows of the first table after a text of the page, as cells."""
    text = page(ARCHITECTURE).partition(heading)[2]
    block = re.search(r"(?:^\|.*\n)+", text, re.M)
    assert block, heading
    rows = [line.strip("| ").split(" | ") for line in block[0].splitlines()]
    return rows[2:]


def test_the_page_lists_the_folders_of_the_functions() -> None:
    listed = {row[0].strip("`/") for row in table("## The two halves")}
    folders = [each for each in (ROOT / "sql/functions").rglob("*") if each.is_dir()]
    names = [each.relative_to(ROOT / "sql/functions").as_posix() for each in folders]
    assert listed == set(names)


def test_the_page_lists_the_rooms_in_the_order_of_their_floors() -> None:
    (path,) = (ROOT / "tests").rglob("test_rooms.py")
    floors = next(
        ast.literal_eval(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS"
    )
    rows = [_CODE.findall(row[0]) for row in table("The rooms of")]
    assert [set(row) for row in rows] == [set(floor) for floor in floors]
    for room in (each for row in rows for each in row):
        assert (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").is_file(), room


def test_every_function_in_the_order_of_locks_exists() -> None:
    named = {
        name
        for row in table("## The order of locks")
        for name in _CODE.findall(row[0])
        if name != "event_store"
    }
    assert named - stems() == set()


def test_every_internal_function_that_the_page_names_exists() -> None:
    text = page(ARCHITECTURE).replace("`__main__`", "")
    named = set(re.findall(r"`(_[a-z]\w+)`", text))
    assert named
    assert named - stems() == set()


def test_the_figure_is_one_drawing_that_names_what_exists() -> None:
    figure = ElementTree.parse(ROOT / "docs/figures/architecture.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert figure.get("viewBox", "").split()[2] == "900"
    assert [each.tag for each in figure][:2] == [f"{space}title", f"{space}desc"]
    assert "prefers-color-scheme:dark" in (figure.findtext(f"{space}style") or "")
    names = {
        name
        for each in figure.iter(f"{space}text")
        if each.get("class") == "name"
        for name in (each.text or "").split(", ")
    }
    tables = {"event_store", "ledger_tile", "tree_head"}
    made = {"keep_event", "keep_batch"}
    commands = {each for each in names if each.startswith("evident ")}
    assert names - stems() - tables - made - commands == set()
    assert unknown_commands(commands) == []


def unknown_commands(codes: set[str]) -> list[str]:
    """List commands, and options of theirs, that do not exist."""
    from typer.main import get_command

    from pg_evident.cli.main import app

    known = get_command(app).commands  # type: ignore[attr-defined]
    verifier = {flag for each in _parser("")._actions for flag in each.option_strings}
    unknown = []
    for code in codes:
        name = re.findall(r"[\w-]+", code)[1]
        if name not in known:
            unknown.append(code)
            continue
        options = {flag for each in known[name].params for flag in each.opts}
        options = verifier if name == "verify" else options
        unknown += [
            f"{name} {flag}"
            for flag in re.findall(r"--[a-z-]+", code)
            if flag not in options
        ]
    return unknown


def test_every_command_on_the_pages_exists() -> None:
    for path in PAGES:
        codes = {each for each in _CODE.findall(page(path)) if each[:8] == "evident "}
        assert unknown_commands(codes) == [], path


def test_a_command_or_an_option_that_does_not_exist_is_found() -> None:
    codes = {"evident keygen --succeed", "evident undo", "evident verify D --as-of"}
    assert sorted(unknown_commands(codes)) == ["evident undo", "keygen --succeed"]


def test_readme_and_contributing_link_the_architecture() -> None:
    for path in ("README.md", "CONTRIBUTING.md"):
        assert f"]({ARCHITECTURE})" in (ROOT / path).read_text()
