"""Commands choose what they need, whatever a database has as its defaults."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from conftest import Database
from support.models.ledger_lab import done, evident
from support.models.worker_models import create_read_models

pytestmark = pytest.mark.once

APPEND = "select evident.append_event(gen_random_uuid(), 'Noted', '{}', 0)"
LINE = '{"aggregate_id": "%s%d", "type": "Noted", "payload": {}}\n'
AGGREGATE = "01900000-0000-7000-8000-00000000000"
DEFAULTS = {
    "serializable": {
        "default_transaction_isolation": "serializable",
        "default_transaction_read_only": "on",
        "search_path": "",
    },
    "repeatable read": {
        "default_transaction_isolation": "repeatable read",
        "search_path": "nowhere, pg_temp",
    },
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "in.ndjson").write_text(LINE % (AGGREGATE, 1) + LINE % (AGGREGATE, 2))
    done(evident("keygen", "--name", "example.com/log", "--out", tmp_path / "key"))
    return tmp_path


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_command_works_whatever_the_defaults_are(
    db: Database, files: Path, name: str
) -> None:
    with db.connect(autocommit=True) as observer:
        create_read_models(observer)
        observer.execute(APPEND)
        change_defaults(db, observer, DEFAULTS[name])
    ended = {
        words[0]: evident(*words, "--dsn", db.dsn)
        for words in (
            ["migrate"],
            ["migrate", "--mark"],
            ["status"],
            ["import", str(files / "in.ndjson")],
            ["work", "--once"],
            ["relay", "mail", "--partitions", "1", "--once", "--out", str(files / "o")],
            ["drift"],
            ["rebuild", "--all"],
            ["seal"],
            ["publish", "--key", str(files / "key"), "--out", str(files / "ledger")],
            ["export", str(files / "export")],
        )
    }
    assert {each: end for each, end in ended.items() if end[0] != 0} == {}
    assert len((files / "o").read_text().splitlines()) >= 3


def change_defaults(
    db: Database, observer: psycopg.Connection[object], settings: dict[str, str]
) -> None:
    for setting, value in settings.items():
        observer.execute(
            sql.SQL("alter database {} set {} = {}").format(
                sql.Identifier(db.name), sql.Identifier(setting), sql.Literal(value)
            )
        )
