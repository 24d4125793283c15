"""`evident drift` shows what differs, and its exit code says whether anything does."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import psycopg
import pytest

from conftest import Database
from support.clients.programs import finish, start_at
from support.models.worker_models import (
    DIGITS,
    LATER,
    LIVE,
    break_fold,
    create_read_models,
)

pytestmark = pytest.mark.once

Observer = psycopg.Connection[Any]
ONE = "01900000-0000-7000-8000-000000000001"
ORDER = "01900000-0000-7000-8000-000000000002"


@pytest.fixture
def observer(db: Database) -> Observer:
    """Give a superuser's connection to a store with read models that are right."""
    connection = db.connect(autocommit=True)
    create_read_models(connection)
    append = "select evident.append_event(%s, %s, %s, 0)"
    connection.execute(append, [ONE, "Noted", "{}"])
    created = {"customer_id": "c", "quantity": 1, "amount": 1.5}
    connection.execute(append, [ORDER, "OrderCreated", json.dumps(created)])
    for name in LATER, DIGITS:
        connection.execute("select evident.run_projection(%s)", [name])
    return connection


def run(db: Database, *words: str) -> tuple[int, str, str]:
    return finish(start_at(db.dsn, "drift", *words, stdout=subprocess.PIPE))


def test_no_drift_is_told_and_gives_0(db: Database, observer: Observer) -> None:
    assert run(db) == (0, "no drift in 4 projections\n", "")
    assert run(db, LIVE, LIVE) == (0, "no drift in 1 projection\n", "")
    assert run(db, "--json") == (0, "", "no drift in 4 projections\n")


def test_drift_is_shown_field_by_field_and_gives_1(
    db: Database, observer: Observer
) -> None:
    observer.execute("update folds.live set events = 7 where aggregate_id = %s", [ONE])
    observer.execute("update shop.orders_summary set amount = 1.50")
    observer.execute("delete from folds.digits")
    observer.execute("insert into folds.later values (gen_random_uuid(), 3, '[b]')")
    code, out, err = run(db)
    assert (code, err) == (1, "")
    lines = [line.split("  ") for line in out.splitlines()]
    shown = [[part.strip() for part in line if part.strip()] for line in lines]
    assert ["folds.live", ONE, "events: 7", "events: 1"] in shown
    assert ["shop.orders_summary", ORDER, "amount: 1.50", "amount: 1.5"] in shown
    assert ["folds.digits", "0", "no row", "digit: 0"] in shown
    assert [line[2:] for line in shown if line[0] == LATER] == [
        ["trail: [b]", "no row"]
    ]
    assert "aggregate_id: " + ONE not in out
    assert out.splitlines()[-1] == (
        "drift in 4 of 4 projections: 1 in folds.digits, 1 in folds.later,"
        " 1 in folds.live, 1 in shop.orders_summary"
    )
    assert run(db, LATER)[0] == 1

    code, out, err = run(db, "--json", LIVE, "shop.orders_summary")
    assert code == 1
    assert err.startswith("drift in 2 of 2 projections: ")
    first, second = (json.loads(line) for line in out.splitlines())
    assert '"amount": 1.50' in out
    assert list(first) == ["projection", "key", "stored", "replayed"]
    assert (first["projection"], first["key"]) == ("folds.live", ONE)
    assert (first["stored"]["events"], first["replayed"]["events"]) == (7, 1)
    assert second["projection"] == "shop.orders_summary"


def test_a_long_list_is_cut_in_the_table_only(db: Database, observer: Observer) -> None:
    observer.execute(
        "insert into folds.later"
        " select gen_random_uuid(), 1, '' from generate_series(1, 130)"
    )
    code, out, _ = run(db)
    assert code == 1
    assert "and 30 more rows, see --json\n" in out
    assert out.endswith("drift in 1 of 4 projections: 130 in folds.later\n")
    assert len(run(db, "--json")[1].splitlines()) == 130


def test_what_cannot_be_checked_gives_2(
    db: Database, empty_db: Database, observer: Observer
) -> None:
    code, out, err = run(db, LIVE, "folds.nobody")
    assert (code, out) == (2, "")
    assert "PT404: no such projection: folds.nobody" in err

    break_fold(observer, DIGITS, "raise 'no';")
    observer.execute("delete from folds.later")
    code, out, err = run(db)
    assert code == 2
    assert err.startswith("error: folds.digits: P0001: ")
    assert out.endswith("drift in 1 of 3 projections: 2 in folds.later\n")

    assert run(empty_db)[0] == 2
    assert finish(start_at("host=/nowhere", "drift"))[0] == 2
    assert run(db, "--nonsense")[0] == 2
