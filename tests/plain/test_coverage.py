"""Each object of the package has its pgTAP file, and each error code its test."""

import re

import pytest

from pg_evident.places import ROOT
from support.clients.every_call import CALLS
from support.clients.ugly_calls import CASTS, STATEMENTS

PGTAP = ROOT / "tests/pgtap"
# Over the catalog, not about one object.
GENERAL = {"security", "style"}
CODES = ("PT400", "PT403", "PT404", "PT409", "PT422", "PT423", "PT500")

_ROUTINE = re.compile(r"^create or replace (?:function|view)\s+evident\.(\w+)", re.M)
_TABLE = re.compile(r"^create table (?:if not exists )?evident\.(\w+)", re.M)


def names(pattern: re.Pattern[str], folder: str) -> set[str]:
    files = sorted((ROOT / folder).rglob("*.sql"))
    assert files, f"{folder} is empty"
    return {name for file in files for name in pattern.findall(file.read_text())}


def engine() -> set[str]:
    return names(_ROUTINE, "sql/functions") | names(_TABLE, "migrations")


def read_models() -> set[str]:
    return {file.stem for file in (ROOT / "sql/projections").glob("*.sql")}


def pgtap_files() -> dict[str, str]:
    return {file.stem: file.read_text() for file in PGTAP.rglob("*.sql")}


def public() -> list[str]:
    return sorted(n for n in engine() | read_models() if not n.startswith("_"))


@pytest.mark.parametrize("name", public())
def test_each_public_object_has_its_pgtap_file(name: str) -> None:
    assert name in pgtap_files()


def test_each_public_function_is_in_the_corpora() -> None:
    """Of every call, for the hijacks; and of ugly input, where there is an argument."""
    functions = {n for n in names(_ROUTINE, "sql/functions") if n[0] != "_"}
    assert set(CALLS) == functions
    without = {
        *("safe_position", "version", "guard_status", "stamp_position"),
        *("announcement", "blocker", "fingerprint", "require_utf8"),
        *("initialize_log", "repair_sequences"),
    }
    given = {n for n in functions - without if not n.endswith("_status")}
    assert {n.removesuffix(" at") for n in STATEMENTS} == given
    assert set(CASTS) == set(STATEMENTS)


def test_each_pgtap_file_is_about_an_object_that_exists() -> None:
    assert set(pgtap_files()) <= engine() | read_models() | GENERAL


@pytest.mark.parametrize("code", CODES)
def test_each_error_code_is_raised_in_some_pgtap_file(code: str) -> None:
    quoted = re.compile(rf"""["']{code}["']""")
    assert any(quoted.search(text) for text in pgtap_files().values())


@pytest.mark.parametrize("name", sorted(pgtap_files()))
def test_each_pgtap_file_leaves_the_database_as_it_was(name: str) -> None:
    statements = re.sub(r"--.*", "", pgtap_files()[name]).strip()
    assert not re.search(r"^\s*commit\b", statements, re.M)
    assert statements.endswith("select * from finish();\nrollback;")
