"""No content of an event is too large for what handles it afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import time
import uuid
from collections.abc import Callable
from itertools import product
from pathlib import Path

import psycopg
import pytest

from pg_evident.server.cluster import Server
from support.clients.calls import Connection
from support.clients.programs import run
from support.clients.store import Store

pytestmark = pytest.mark.promise(21)

LIMIT = 1_048_576
MEGABYTES = 64
HUGE = "1e131071"
SINGLE = "select evident.append_event(gen_random_uuid(), 'Noted', %s::jsonb, 0)"
MANY = "select evident.append_events(gen_random_uuid(), %s::jsonb)"
BATCH = "select * from evident.append_batch(%s::jsonb)"


# Told when the process ends: the most memory that it has had, in kB.
PEAK = """
import atexit, pathlib
# Not ru_maxrss: that is also what the parent had when it made this process.
status = pathlib.Path("/proc/self/status")
atexit.register(
    lambda: print(status.read_text().split("VmHWM:")[1].split()[0])
)
"""


def numbers(number: str, count: int) -> str:
    return f'{{"a":[{",".join([number] * count)}]}}'


BOMBS = {
    "8,300 huge numbers": numbers(HUGE, 8300),
    "110,000 huge numbers": numbers(HUGE, 110_000),
    "110,000 zeros of 16,383 decimals": numbers("0e-16383", 110_000),
    "50,000 keys": "{" + ",".join(f'"{n}":{HUGE}' for n in range(50_000)) + "}",
    "8 huge numbers": numbers(HUGE, 8),
    "9,990 levels": f'{{"a":{"[" * 9989}{"]" * 9989}}}',
    "a long text": json.dumps({"a": "b" * LIMIT}),
    "control characters": json.dumps({"a": "\x01" * 174_770}),
}


def event(payload: str) -> str:
    return f'{{"type":"Noted","payload":{payload}}}'


def entry(payload: str) -> str:
    return f'{{"aggregate_id":"{uuid.uuid4()}","events":[{event(payload)}]}}'


CALLS: dict[str, tuple[str, Callable[[str], str]]] = {
    "append_event": (SINGLE, lambda payload: payload),
    "append_events": (MANY, lambda payload: f"[{event(payload)}]"),
    "append_batch": (BATCH, lambda payload: f"[{entry(payload)}]"),
}


def peak(pid: int) -> float:
    """Give the most memory that a backend has had, in MB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def refused(store: Store, statement: str, argument: str) -> tuple[str, float, float]:
    """Call once in a session of its own; give the code, the MB and the seconds."""
    with store.connect() as connection:
        pid = connection.info.backend_pid
        connection.execute(SINGLE, ["{}"])
        before = peak(pid)
        began = time.monotonic()
        try:
            connection.execute(statement, [argument])
            code = "ok"
        except psycopg.Error as error:
            code = error.sqlstate or "lost"
            assert len(str(error)) < 2000
        return code, peak(pid) - before, time.monotonic() - began


def test_what_is_too_long_is_refused_in_little_memory(store: Store) -> None:
    for (name, payload), (call, (statement, form)) in product(
        BOMBS.items(), CALLS.items()
    ):
        code, megabytes, seconds = refused(store, statement, form(payload))
        assert (name, call, code) == (name, call, "PT400")
        assert megabytes <= MEGABYTES, (name, call)
        assert seconds < 10, (name, call)  # 1 s where nothing else runs


def test_a_refused_document_is_not_copied_into_plans(
    store: Store, observer: Connection
) -> None:
    digits = numbers("1", 523_000)
    code, megabytes, _ = refused(store, SINGLE, digits)
    assert (code, megabytes <= MEGABYTES) == ("PT400", True)

    observer.execute(
        "alter function evident.append_event(uuid, text, jsonb, bigint, jsonb, uuid)"
        " reset plan_cache_mode"
    )
    code, megabytes, _ = refused(store, SINGLE, digits)
    assert (code, megabytes > MEGABYTES) == ("PT400", True)


def test_many_events_of_one_call_are_bounded_together(store: Store) -> None:
    events = [event(numbers(HUGE, 7))] * 10_000
    code, megabytes, seconds = refused(store, MANY, f"[{','.join(events)}]")
    assert code == "PT400"
    assert megabytes <= MEGABYTES
    assert seconds < 10


def test_a_value_that_a_table_has_compressed_is_measured(store: Store) -> None:
    with store.connect() as connection:
        connection.execute("create temporary table kept (payload jsonb)")
        connection.execute(
            "insert into kept values (%s::jsonb)", [BOMBS["8,300 huge numbers"]]
        )
        row = connection.execute("select pg_column_size(payload) from kept").fetchone()
        assert row is not None and row[0] < 3000
        for version in ("0", "null", "-1"):
            with pytest.raises(psycopg.Error) as refusal:
                connection.execute(
                    "select evident.append_event(gen_random_uuid(), 'Noted', k.payload,"
                    f" {version}) from kept as k"
                )
            assert refusal.value.sqlstate == "PT400"


def fill(store: Store) -> None:
    """Store the longest texts there can be, each of them small in the table."""
    with store.connect() as connection:
        for _ in range(20):
            connection.execute(SINGLE, [numbers(HUGE, 7)])
        connection.execute(SINGLE, [json.dumps({"a": "b" * (LIMIT - 9)})])


def test_what_is_stored_is_sealed_read_relayed_and_dumped(
    store: Store, server: Server, tmp_path: Path
) -> None:
    fill(store)
    with store.connect() as connection:
        connection.execute("select evident.seal()")
        pages, after = [], 0
        while rows := connection.execute(
            "select id from evident.read_feed(%s, p_max_bytes => 4194304)", [after]
        ).fetchall():
            pages.append(len(rows))
            after = rows[-1][0]
        assert max(pages) <= 4 and sum(pages) >= 21
        connection.execute("select evident.create_consumer('mail', 1)")
        claimed = connection.execute(
            "select id from evident.claim_events('mail', 'worker', 1000)"
        ).fetchall()
        assert 16 <= len(claimed) < 21
        connection.execute("select evident.drop_consumer('mail')")

    dumped = subprocess.run(
        [
            "bash",
            "-c",
            'ulimit -v 1048576; exec "$0" "$@"',
            str(server.bindir / "pg_dump"),
            *["-d", store.db.dsn, "-f", str(tmp_path / "dump")],
        ],
        check=False,
        capture_output=True,
    )
    assert dumped.returncode == 0, dumped.stderr

    path = tmp_path / "out.ndjson"
    # The file is read at the start; numbers in it are too long for a parser.
    for _ in range(2):
        words = ["relay", "post", "--partitions", "1", "--out", str(path), "--once"]
        code, out, err = run(store, *words, broken=PEAK)
        assert code == 0, err
        assert int(out.split()[-1]) < 300 * 1024
    assert len(path.read_bytes().splitlines()) >= 21


@pytest.mark.once
def test_an_import_names_the_lines_that_are_too_long(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "events.ndjson"
    payloads = ["{}", *BOMBS.values(), "{}"]
    lines = [
        f'{{"aggregate_id":"{uuid.uuid4()}","type":"Noted","payload":{payload}}}'
        for payload in payloads
    ]
    path.write_text("\n".join([*lines, f'{{"payload":"{"b" * 2**23}"}}']) + "\n")
    for _ in range(2):
        code, out, err = run(store, "import", str(path))
        assert code == 1, out
        named = [n for n in range(1, len(payloads) + 2) if f"line {n}:" in err]
        assert named == [*range(2, len(payloads)), len(payloads) + 1]
    assert len(store.log()) == 2


@pytest.mark.twin_of(21)
def test_a_bound_on_the_stored_size_is_found(
    store: Store, twin: Callable[[str], None]
) -> None:
    twin("stored_size_bound")
    # A number of 131,072 digits takes sixteen bytes.
    code, _, _ = refused(store, SINGLE, numbers(HUGE, 100))
    assert code == "ok"
