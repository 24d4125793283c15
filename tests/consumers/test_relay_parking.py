"""A relay sets aside what it cannot write, and what was set aside comes again, once."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.clients.calls import Entry, append_events, events_of
from support.clients.relays import file_violations, run
from support.clients.store import Store

pytestmark = [pytest.mark.promise(6), pytest.mark.once]

Observer = psycopg.Connection[Any]

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)
# It is killed when it would write this event, whatever else is in the claim.
KILLED = """
import os, signal
from pg_evident.relay.file import RelayFile
append = RelayFile.append
def killed(self, claim, events):
    if any(b'"n": 77' in each.line for each in events):
        os.kill(os.getpid(), signal.SIGKILL)
    return append(self, claim, events)
RelayFile.append = killed
"""
KILLED_BEHIND = """
import os, signal
from pg_evident.relay.file import RelayFile
append = RelayFile.append
def killed(self, claim, events):
    count = append(self, claim, events)
    os.kill(os.getpid(), signal.SIGKILL)
RelayFile.append = killed
"""
FULL = """
import errno
from pg_evident.relay.file import RelayFile
def full(*given):
    raise OSError(errno.ENOSPC, "No space left on device")
RelayFile.append = full
"""
# The server fails at the line of one event.
UNWRITABLE = """
from pg_evident.relay import claims as relay_claims
relay_claims._CLAIM = relay_claims._CLAIM.replace(
    "c.id, pg_catalog",
    "c.id / case when c.payload ->> 'n' = '77' then 0 else 1 end, pg_catalog",
)
"""
# What was written of an aggregate that comes again is not looked for.
NO_RECALL = """
from pg_evident.relay.file import RelayFile
RelayFile.recall = lambda *_: None
"""


def append(connection: Observer, aggregate: uuid.UUID, *numbers: int) -> None:
    for number in numbers:
        connection.execute(
            "select evident.append_event(%s, 'Noted', %s)",
            [aggregate, json.dumps({"n": number})],
        )


def parked(observer: Observer) -> list[Any]:
    return observer.execute(
        "select w.aggregate_id, w.version, w.reason from evident.consumer_parked as w"
    ).fetchall()


def retry(observer: Observer) -> None:
    observer.execute("select evident.retry_parked('relay', %s, 'me')", [ONE])


def positions(path: Path) -> list[int]:
    return [json.loads(line)["position"] for line in path.read_text().splitlines()]


def words(path: Path, *more: str) -> list[str]:
    return ["relay", "--partitions", "1", "--out", str(path), "--once", *more]


def test_an_event_that_kills_the_relay_is_parked_and_comes_again(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    append(observer, ONE, 1, 77, 3)
    append(observer, TWO, 4, 5)
    codes = [
        run(store, *words(path, "--park-after", "2"), broken=KILLED)[0]
        for _ in range(6)
    ]
    # All at once; 1, then 2 alone; all from 2 on; 2 alone twice more; parked.
    assert codes[-1] == 0 and set(codes[:-1]) == {-9}
    assert positions(path) == [1, 4, 5]
    assert [row[:2] for row in parked(observer)] == [(ONE, 2)]
    append(observer, TWO, 6)
    append(observer, ONE, 7)
    retry(observer)
    assert run(store, *words(path), broken=KILLED_BEHIND)[0] == -9
    assert run(store, *words(path, "--limit", "2"), broken=KILLED_BEHIND)[0] == -9
    append(observer, ONE, 8)
    assert run(store, *words(path))[0] == 0
    assert file_violations(path, store.log()) == []
    assert parked(observer) == []
    again = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["position"] for each in again if "retried_after" in each] == [2, 3]


@pytest.mark.twin_of(6)
def test_a_relay_that_does_not_look_for_what_came_again_is_caught(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    append(observer, ONE, 77, 2)
    for _ in range(4):
        run(store, *words(path, "--park-after", "1"), broken=KILLED)
    retry(observer)
    run(store, *words(path), broken=KILLED_BEHIND)
    assert run(store, *words(path), broken=NO_RECALL)[0] == 0
    found = file_violations(path, store.log())
    assert any("stand twice" in each for each in found), found


def test_a_full_disk_is_no_event_s_fault(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    append(observer, ONE, 1, 2)
    for _ in range(4):
        code, _, err = run(store, *words(path, "--park-after", "1"), broken=FULL)
        assert code == 1 and "No space left" in err, err
    assert run(store, *words(path, "--park-after", "1"))[0] == 0
    assert parked(observer) == []
    assert positions(path) == [1, 2]


def test_an_event_whose_line_the_server_cannot_write_is_parked(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    append(observer, ONE, 1, 2, 77, 4)
    append(observer, TWO, 5, 6)
    code, _, err = run(store, *words(path), broken=UNWRITABLE)
    assert code == 1 and "division by zero" in err
    code, _, err = run(store, *words(path, "--park-after", "2"), broken=UNWRITABLE)
    assert code == 0, err
    assert "parked event 3" in err
    assert sorted(positions(path)) == [1, 2, 5, 6]
    retry(observer)
    assert run(store, *words(path))[0] == 0
    assert file_violations(path, store.log()) == []


def test_a_line_that_could_not_be_read_again_is_not_written(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    """Only an owner can store such an event."""
    path = tmp_path / "file"
    append_events(observer, [Entry(ONE, 0, events_of("one", 1))])
    observer.execute(
        "insert into evident.event_store (aggregate_id, version, event_type, payload)"
        " values (%s, 2, 'Noted', jsonb_build_object('t', repeat('x', 5000000)))",
        [ONE],
    )
    append(observer, TWO, 3)
    code, _, err = run(store, *words(path))
    assert code == 1 and "as a line" in err and "--park-after" in err
    code, _, err = run(store, *words(path, "--park-after", "3"))
    assert code == 0, err
    assert positions(path) == [1, 3]
    assert run(store, *words(path))[0] == 0


def test_a_relay_begins_where_it_is_told(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    append(observer, ONE, 1, 2)
    assert run(store, *words(path, "--from", "now"))[0] == 0
    append(observer, ONE, 3)
    assert run(store, *words(path, "--from", "start"))[0] == 0
    assert positions(path) == [3]
    code, _, err = run(store, "other", "--partitions", "1", "--from", "later", "--once")
    assert code == 1 and "p_from" in err


# Legal events whose lines hold what parsers of JSON refuse, or much of it.
UGLY = [
    '{"x": 1e5000}',
    '{"x": 1e131071}',
    f'{{"x": {"7" * 131_072}}}',
    f'{{"x": -0.{"0" * 16_000}1}}',
    f'{{"t": "{"x" * 1_048_560}"}}',
    '{"d": ' + "[" * 900 + "]" * 900 + "}",
    '{"position": 9, "partition": 7, "partitions": 5, "retried_after": 3}',
]


def test_a_file_is_read_again_whatever_its_events_hold(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    for number, text in enumerate(UGLY, start=1):
        observer.execute(
            "select evident.append_event(%s, 'Noted', %s, null, %s)",
            [ONE if number % 2 else TWO, text, text if number == 5 else "{}"],
        )
        assert run(store, *words(path))[0] == 0
    code, _, err = run(store, *words(path))
    assert (code, err) == (0, "0 events\n")
    lines = path.read_bytes().splitlines()
    assert len(lines) == len(UGLY)
    assert max(map(len, lines)) > 2_000_000
    for line, text in zip(lines, UGLY, strict=True):
        document = observer.execute("select %s::jsonb::text", [text]).fetchone()
        assert document is not None
        assert f'"payload":{document[0]},'.encode() in line
