"""What create_projection makes is seen: each change of it shows in tests/golden."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from conftest import Database
from support.checkers.golden_renderings import FOLDER, make_models, renderings
from support.twins import install


@pytest.fixture
def connection(engine_db: Database) -> psycopg.Connection[Any]:
    return engine_db.connect(autocommit=True)


def stored() -> dict[str, str]:
    """Read the golden files."""
    return {path.name: path.read_text() for path in FOLDER.glob("*.sql")}


def test_what_a_read_model_gets_is_what_the_golden_files_say(
    engine_db: Database,
    connection: psycopg.Connection[Any],
    pytestconfig: pytest.Config,
) -> None:
    """`pytest --rewrite-goldens` writes them; look at the difference then."""
    make_models(engine_db, connection)
    found = renderings(connection)
    if pytestconfig.getoption("--rewrite-goldens"):
        for path in FOLDER.glob("*.sql"):
            path.unlink()
        for name, text in found.items():
            (FOLDER / name).write_text(text)
    assert found == stored()


def test_a_changed_rendering_is_found(
    engine_db: Database, connection: psycopg.Connection[Any]
) -> None:
    install(connection, "whole_row_by_name")
    make_models(engine_db, connection)
    found, known = renderings(connection), stored()
    assert found.keys() == known.keys()
    changed = {name for name, text in found.items() if text != known[name]}
    # Runs read stored rows by a text of their own, which nothing keeps.
    assert changed == known.keys() - {"days.sql", "later.sql"}
