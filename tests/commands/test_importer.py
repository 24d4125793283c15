"""An import loses no event, repeats none, and leaves out only what is bad."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident.database import connect
from pg_evident.intake import importer
from pg_evident.intake.importer import Tally, import_lines
from pg_evident.intake.ndjson import Line, Refusal, read_lines
from pg_evident.intake.orders import read_orders
from pg_evident.places import DATA
from support.seeds import scaled

pytestmark = pytest.mark.once

SAMPLE = DATA / "cdnow_sample.csv"


def aggregate(number: int) -> str:
    return str(uuid.UUID(int=0x01900000_0000_7000_8000_000000000000 + number))


def text(number: int, event_type: str = "Noted", **more: Any) -> str:
    values = {"aggregate_id": aggregate(number), "type": event_type, "payload": {}}
    return json.dumps(values | more)


def lines(*texts: str) -> Iterator[Line | Refusal]:
    return read_lines(io.BytesIO("\n".join(texts).encode()))


def run(
    db: Database, *texts: str, dsn: str | None = None, **options: Any
) -> tuple[Tally, list[Refusal]]:
    refused: list[Refusal] = []
    tally = import_lines(dsn or db.dsn, lines(*texts), refuse=refused.append, **options)
    return tally, refused


def counts(tally: Tally) -> tuple[int, int, int]:
    return tally.appended, tally.already_there, tally.refused


def events(db: Database) -> list[tuple[Any, ...]]:
    with db.connect() as connection:
        return connection.execute(
            "select e.aggregate_id::text, e.version, e.event_type"
            " from evident.event_store as e order by e.aggregate_id, e.version"
        ).fetchall()


def test_each_line_is_an_event_in_the_files_order(db: Database) -> None:
    texts = [text(n % 3, f"Step{n}") for n in range(30)]
    tally, refused = run(db, *texts, batch_size=7)
    assert counts(tally) == (30, 0, 0) and refused == []
    assert events(db) == [
        (aggregate(a), v, f"Step{3 * (v - 1) + a}")
        for a in range(3)
        for v in range(1, 11)
    ]


def test_importing_again_appends_nothing(db: Database) -> None:
    texts = [text(n % 5, payload={"n": n % 7}) for n in range(100)]
    assert counts(run(db, *texts)[0]) == (100, 0, 0)
    assert counts(run(db, *texts)[0]) == (0, 100, 0)
    assert len(events(db)) == 100


@pytest.mark.parametrize("batch_size", [1, 3, 10, 500])
def test_an_interrupted_import_goes_on_where_it_was(
    db: Database, batch_size: int
) -> None:
    texts = [text(n % 4, payload={"n": n}) for n in range(60)]
    run(db, *texts[:25], batch_size=10)
    before = events(db)
    assert counts(run(db, *texts, batch_size=batch_size)[0]) == (35, 25, 0)
    assert len(events(db)) == 60
    assert set(before) <= set(events(db))


def test_equal_lines_are_separate_events(db: Database) -> None:
    assert counts(run(db, text(1), text(1), text(1))[0]) == (3, 0, 0)
    assert counts(run(db, text(1), text(1), text(1), text(1))[0]) == (1, 3, 0)


@pytest.mark.parametrize(
    "number",
    ["1.10", "1e400", "0.000", "123456789012345678901234567890.00", "-5E-10"],
)
def test_a_number_arrives_with_all_its_digits(db: Database, number: str) -> None:
    line = text(1).replace("{}", f'{{"n": {number}}}')
    run(db, line)
    with db.connect() as connection:
        row = connection.execute(
            "select (e.payload -> 'n')::text, (%s::jsonb)::text"
            " from evident.event_store as e",
            [number],
        ).fetchone()
    assert row is not None and row[0] == row[1]


def test_only_bad_lines_are_left_out(db: Database) -> None:
    texts = [text(n) for n in range(40)]
    texts[3] = "nonsense"
    texts[10] = text(10, payload=[1])
    texts[11] = text(11, event_type="")
    texts[20] = text(20, payload={"text": "\0"})
    texts[25] = text(25, expected_version=7)
    texts[26] = text(26, expected_version=-1)
    texts[39] = json.dumps({"aggregate_id": "nobody", "type": "T", "payload": {}})
    tally, refused = run(db, *texts)
    assert counts(tally) == (33, 0, 7)
    assert len(events(db)) == 33
    found = {each.number: each for each in refused}
    assert {number: each.sqlstate for number, each in found.items()} == {
        4: None,
        11: "PT400",
        12: "PT400",
        21: "22P05",
        26: "PT409",
        27: "PT404",
        40: "PT400",
    }
    assert "payload" in found[11].reason
    assert "at version 0, expected 7" in found[26].reason
    assert all(
        each.hint for each in found.values() if each.sqlstate in ("PT400", "PT409")
    )


def test_a_line_behind_a_refused_one_of_its_aggregate_still_goes_in(
    db: Database,
) -> None:
    texts = [text(1, "A"), text(1, "B", payload=5), text(1, "C"), text(2, "D")]
    assert counts(run(db, *texts)[0]) == (3, 0, 1)
    assert events(db) == [
        (aggregate(1), 1, "A"),
        (aggregate(1), 2, "C"),
        (aggregate(2), 1, "D"),
    ]


def test_versions_are_checked_line_by_line(db: Database) -> None:
    texts = [
        text(1, "A", expected_version=0),
        text(1, "B", expected_version=1),
        text(1, "C", expected_version=1),
        text(1, "D", expected_version=2),
        text(1, "E"),
        text(1, "F", expected_version=-1),
    ]
    tally, refused = run(db, *texts)
    assert [(each.number, each.sqlstate) for each in refused] == [(3, "PT409")]
    assert [each[2] for each in events(db)] == ["A", "B", "D", "E", "F"]
    assert counts(tally) == (5, 0, 1)


def test_an_event_id_with_other_content_is_refused(db: Database) -> None:
    event_id = str(uuid.uuid4())
    run(db, text(1, event_id=event_id))
    same = text(1, event_id=event_id)
    other = text(1, event_id=event_id, payload={"other": 1})
    tally, refused = run(db, same, other, text(2))
    assert counts(tally) == (1, 1, 1)
    assert [(each.number, each.sqlstate) for each in refused] == [(2, "PT422")]


def test_an_event_id_that_stands_twice_in_a_file_goes_in_once(db: Database) -> None:
    line = text(1, event_id=str(uuid.uuid4()))
    assert counts(run(db, line, text(2), line)[0]) == (2, 1, 0)


def test_two_imports_at_once_share_the_work_and_count_honestly(db: Database) -> None:
    count = scaled(700, 2000)
    texts = [text(n, payload={"n": n}) for n in range(count)]
    tallies: list[Tally] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        tallies.append(run(db, *texts, batch_size=20)[0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(events(db)) == count
    assert sum(tally.appended for tally in tallies) == count
    assert [(tally.lines, tally.refused) for tally in tallies] == [(count, 0)] * 4


def test_a_writer_that_may_not_read_can_import(db: Database) -> None:
    with db.connect(autocommit=True) as connection:
        connection.execute("create role import_writer login in role evident_writer")
    try:
        dsn = db.dsn.replace("postgres@", "import_writer@")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.connect().execute("set role import_writer").connection.execute(
                "select from evident.event_store"
            )
        assert counts(run(db, text(1), text(2), dsn=dsn)[0]) == (2, 0, 0)
        assert counts(run(db, text(1), text(3), dsn=dsn)[0]) == (1, 1, 0)
    finally:
        with db.connect(autocommit=True) as connection:
            connection.execute("drop role import_writer")


def test_a_lost_connection_loses_and_repeats_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "PAUSES", (0.01, 0.02, 0.05))
    notes: list[str] = []
    killer = db.connect(autocommit=True)

    def interrupted() -> Iterator[Line | Refusal]:
        for each in lines(*(text(n % 9, payload={"n": n}) for n in range(300))):
            if each.number in (50, 150, 151):
                killer.execute(
                    "select pg_terminate_backend(a.pid, 5000)"
                    " from pg_stat_activity as a"
                    " where a.datname = current_database()"
                    " and a.pid <> pg_backend_pid()"
                )
            yield each

    tally = import_lines(
        db.dsn,
        interrupted(),
        refuse=lambda refusal: pytest.fail(str(refusal)),
        note=notes.append,
        batch_size=10,
    )
    assert counts(tally) == (300, 0, 0)
    assert len(events(db)) == 300
    assert len(notes) >= 2 and "attempt 2" in notes[0]


def test_a_connection_that_stays_lost_is_an_error(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "PAUSES", (0.01, 0.02))
    tally = Tally()

    def cut_off() -> Iterator[Line | Refusal]:
        yield from lines(*(text(n) for n in range(10)))
        with connect(db.server.uri, autocommit=True) as connection:
            connection.execute(f"alter database {db.name} allow_connections false")
            connection.execute(
                "select pg_terminate_backend(a.pid, 5000) from pg_stat_activity as a"
                " where a.datname = %s",
                [db.name],
            )
        yield from lines(*(text(n) for n in range(10, 30)))

    with pytest.raises(psycopg.OperationalError):
        import_lines(
            db.dsn,
            cut_off(),
            refuse=lambda refusal: pytest.fail(str(refusal)),
            batch_size=10,
            tally=tally,
        )
    assert tally.appended == 10 and tally.seconds > 0


def test_a_missing_privilege_is_an_error_not_a_bad_line(db: Database) -> None:
    with db.connect(autocommit=True) as connection:
        connection.execute("create role import_nobody login")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(db, text(1), dsn=db.dsn.replace("postgres@", "import_nobody@"))
    finally:
        with db.connect(autocommit=True) as connection:
            connection.execute("drop role import_nobody")


def test_each_order_is_created_and_paid_once(db: Database) -> None:
    def orders() -> Tally:
        with SAMPLE.open(encoding="utf-8") as file:
            return import_lines(
                db.dsn, read_orders(file), refuse=lambda line: pytest.fail(str(line))
            )

    with SAMPLE.open(encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(",") for line in file][1:]
    paid = [row for row in rows if float(row[3]) != 0]
    assert counts(orders()) == (len(rows) + len(paid), 0, 0)
    assert counts(orders()) == (0, len(rows) + len(paid), 0)
    with db.connect() as connection:
        found = connection.execute(
            "select e.event_type, count(*),"
            " sum((e.payload ->> 'amount')::numeric)::text"
            " from evident.event_store as e group by e.event_type order by 1"
        ).fetchall()
        spelt = connection.execute(
            "select count(*) from evident.event_store as e"
            " where e.event_type = 'OrderCreated'"
            " and e.payload -> 'amount' = to_jsonb((e.payload ->> 'amount')::numeric)"
            " and e.payload ->> 'amount' ~ '^[0-9]+[.][0-9]{2}$'"
        ).fetchone()
    cents = sum(int(row[3].replace(".", "")) for row in rows)
    total = f"{cents // 100}.{cents % 100:02}"
    assert found == [
        ("OrderCreated", len(rows), total),
        ("PaymentProcessed", len(paid), total),
    ]
    assert spelt == (len(rows),)


def test_a_row_that_is_no_order_is_reported(db: Database) -> None:
    rows = [
        "customer_id,ordered_on,quantity,amount_usd",
        "1,1997-01-01,2,29.33",
        "1,1997-01-01,two,29.33",
        "1,1997-01-01,2,",
        "1,1997-01-01,2,0.00",
    ]
    refused: list[Refusal] = []
    tally = import_lines(db.dsn, read_orders(rows), refuse=refused.append)
    assert counts(tally) == (3, 0, 2)
    assert [(each.number, each.reason) for each in refused] == [
        (3, "quantity is not a number: two"),
        (4, "amount_usd is empty"),
    ]


def test_a_payment_does_not_go_in_without_its_order(db: Database) -> None:
    rows = ["customer_id,ordered_on,quantity,amount_usd", "1,1997-01-01,2,29.33"]
    created = next(read_orders(rows))
    assert isinstance(created, Line)
    foreign = json.dumps(
        {"aggregate_id": created.aggregate, "type": "Foreign", "payload": {}}
    )
    run(db, foreign, foreign)
    refused: list[Refusal] = []
    import_lines(db.dsn, read_orders(rows), refuse=refused.append)
    assert [each.sqlstate for each in refused] == ["PT409", "PT409"]


def evident(
    *words: str, dsn: str, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pg_evident", *words],
        input=given,
        capture_output=True,
        text=True,
        env={**os.environ, "DATABASE_URL": dsn},
        timeout=60,
        check=False,
    )


def test_the_command_reports_on_stderr_and_exits_1(
    db: Database, tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join((text(1), "bad", text(2, payload=1))))
    done = evident("import", str(file), dsn=db.dsn)
    assert done.returncode == 1 and done.stdout == ""
    assert "line 2: not a JSON object" in done.stderr
    assert "line 3: PT400: invalid argument" in done.stderr
    assert "1 appended, 0 already there, 2 refused" in done.stderr


def test_the_command_reads_standard_input_and_exits_0(db: Database) -> None:
    done = evident("import", "-", dsn=db.dsn, given=text(1) + "\n" + text(2))
    assert done.returncode == 0, done.stderr
    assert "2 appended" in done.stderr


def test_the_command_says_what_is_missing(empty_db: Database) -> None:
    done = evident("import", "-", dsn=empty_db.dsn, given=text(1))
    assert done.returncode == 1
    assert "not installed" in done.stderr and "hint: evident migrate" in done.stderr
    done = evident("import", "/no/such/file", dsn=empty_db.dsn)
    assert done.returncode == 2
    done = evident("status", dsn="postgresql://nobody@127.0.0.1:1/nothing")
    assert done.returncode == 1 and "Traceback" not in done.stderr
