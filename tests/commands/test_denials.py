"""A command that is refused for want of a role names the role that is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Database
from support.models.ledger_lab import done, evident, evident_apart
from support.models.worker_models import create_read_models

pytestmark = pytest.mark.once

LINE = (
    '{"aggregate_id": "01900000-0000-7000-8000-000000000001", "type": "Noted",'
    ' "payload": {}}\n'
)
# What each command needs first, of the roles a login may be given.
COMMANDS = {
    "status": "evident_monitor",
    "import {0}/in.ndjson": "evident_reader",
    "work --once": "evident_operator",
    "relay mail --partitions 1 --once --out {0}/mail": "evident_operator",
    "drift": "evident_operator",
    "rebuild --all": "evident_operator",
    "seal": "evident_operator",
    "export {0}/export": "evident_auditor",
    "prove 01900000-0000-7000-8000-000000000001 --out {0}/proof": "evident_auditor",
    "publish --key {0}/key --out {0}/ledger": "evident_operator",
}


@pytest.fixture
def outsider(db: Database) -> Iterator[str]:
    """Give the DSN of a login that may connect, and nothing else."""
    with db.connect(autocommit=True) as observer:
        create_read_models(observer)
        observer.execute("create role outsider login")
        yield f"{db.dsn}&user=outsider"
        observer.execute("drop role outsider")


def test_a_login_without_roles_is_told_which_it_lacks(
    outsider: str, tmp_path: Path
) -> None:
    (tmp_path / "in.ndjson").write_text(LINE)
    done(evident("keygen", "--name", "example.com/log", "--out", tmp_path / "key"))
    ended = {
        words: evident_apart(*words.format(tmp_path).split(), "--dsn", outsider)
        for words in COMMANDS
    }
    for words, (code, out, error) in ended.items():
        said = " ".join((out + error).split())
        assert "permission denied for schema evident" in said, words
        assert re.search(rf"(is|are) for [^:]*{COMMANDS[words]}", said), said
        assert re.search(": grant (it|one of them) to outsider", said), said
        assert (code == 0) == (words == "status")


def test_a_login_with_another_role_is_told_the_one_it_lacks(
    db: Database, outsider: str
) -> None:
    with db.connect(autocommit=True) as observer:
        observer.execute("grant evident_reader to outsider")
    _, _, error = evident_apart("rebuild", "--all", "--dsn", outsider)
    assert "42501: permission denied for function rebuild_projection" in error
    assert "rebuild_projection is for evident_operator: grant it to outsider" in error


def test_a_refusal_with_a_hint_of_its_own_keeps_it(db: Database, outsider: str) -> None:
    with db.connect(autocommit=True) as observer:
        observer.execute("grant evident_operator to outsider")
    _, _, error = evident_apart("rebuild", "nowhere", "--dsn", outsider)
    assert "grant" not in error
