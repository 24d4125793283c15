"""A relay's file has each position exactly once, however often the relay is killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.clients.feed_work import append_some, writing
from support.clients.relays import file_violations, finish, run, run_until_killed, start
from support.clients.store import Store
from support.clients.waiting import wait_for
from support.seeds import scaled

pytestmark = [pytest.mark.promise(6), pytest.mark.once]

Observer = psycopg.Connection[Any]

KILLS = scaled(4, 40)
IS_DONE = "not exists (select from evident.consumer_status as s where s.lag > 0)"
# Between two statements it is idle for less.
IS_WAITING = """
exists (
    select
    from pg_stat_activity as a
    where
        a.application_name = 'evident relay'
        and a.state = 'idle'
        and a.datname = current_database()
        and clock_timestamp() - a.state_change > interval '200 ms'
)
"""
# Not broken: time between the file and the confirmation, in which most kills fall.
SLOW = """
import time
from pg_evident.relay.file import RelayFile
append = RelayFile.append
def slow_append(*given):
    count = append(*given)
    time.sleep(0.02)
    return count
RelayFile.append = slow_append
"""
FORGETFUL = """
import pg_evident.relay.file
pg_evident.relay.file._last_positions = lambda *_: {}
"""
TORN = """
import pg_evident.relay.file
pg_evident.relay.file.RelayFile._heal = lambda _: None
"""


def relay_under_kills(
    store: Store, rng: random.Random, path: Path, kills: int, broken: str = ""
) -> list[str]:
    """Kill relays while others append, let a last one finish, and check the file."""
    words = ["relay", "--partitions", "3"]
    with writing(store, rng):
        for _ in range(kills):
            limit = str(rng.choice([1, 7, 50, 1000]))
            run_until_killed(
                store, rng, path, *words, "--limit", limit, broken=SLOW + broken
            )
    code, _, err = run(store, *words, "--out", str(path), "--once", broken=broken)
    print(err)
    refusal = [f"the last relay ended with {code}: {err}"] if code else []
    return [*refusal, *file_violations(path, store.log())]


@pytest.mark.faults
def test_each_position_stands_once_after_any_kill(
    store: Store,
    observer: Observer,
    rng: random.Random,
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.ndjson"
    assert relay_under_kills(store, rng, path, KILLS) == []
    assert len(path.read_text().splitlines()) > 100
    wait_for(observer, IS_DONE)


@pytest.mark.twin_of(6)
@pytest.mark.parametrize(
    ("broken", "complaint"),
    [(FORGETFUL, "stand twice"), (TORN, "is no JSON")],
    ids=["forgetful", "torn"],
)
def test_a_relay_that_does_not_look_into_its_file_is_caught(
    store: Store,
    rng: random.Random,
    tmp_path: Path,
    broken: str,
    complaint: str,
) -> None:
    path = tmp_path / "events.ndjson"
    found = relay_under_kills(store, rng, path, 6, broken)
    assert any(complaint in each for each in found), found


def test_sigterm_ends_a_relay_with_all_that_it_wrote_confirmed(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    append_some(store, 20)
    path = tmp_path / "events.ndjson"
    process = start(store, "relay", "--partitions", "1", "--out", str(path))
    try:
        wait_for(observer, f"exists (table evident.consumer_status) and {IS_DONE}")
        append_some(store, 20)
        wait_for(observer, IS_DONE)
        process.send_signal(signal.SIGTERM)
    finally:
        code, _, err = finish(process)
    assert (code, err) == (0, "120 events\n")
    assert file_violations(path, store.log()) == []


def test_a_notification_wakes_a_relay(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    path = tmp_path / "events.ndjson"
    slow = "import pg_evident.relay.run; pg_evident.relay.run.POLL = 30"
    words = ["relay", "--partitions", "1", "--out", str(path), "--listen"]
    process = start(store, *words, broken=slow)
    try:
        wait_for(observer, IS_WAITING)
        append_some(store, 1)
        observer.execute("select evident.stamp_position(true)")
        wait_for(observer, IS_DONE, timeout=10)
    finally:
        process.kill()
        finish(process)


def test_standard_output_gets_the_events_as_they_are(store: Store) -> None:
    with store.connect() as connection:
        connection.execute(
            "select evident.append_event(%s, 'Noted', %s, 0, '{\"actor\": \"me\"}')",
            [
                uuid.UUID(int=7),
                '{"text": "a\\nb \u2028", "n": 12345678901234567890.10}',
            ],
        )
        row = connection.execute(
            "select event_id, occurred_at from evident.event_store"
        ).fetchone()
        assert row is not None
    code, out, _ = run(store, "relay", "--partitions", "2", "--once")
    assert code == 0
    line, end = out.split("\n")
    assert end == ""
    assert line.startswith('{"position":1,')
    assert '"n": 12345678901234567890.10' in line
    event = json.loads(line)
    assert datetime.fromisoformat(event.pop("occurred_at")) == row[1]
    assert event.pop("recorded_by") == "evident_test_app"
    assert event["payload"].pop("n")
    partition = event.pop("partition")
    assert partition in (0, 1)
    assert event == {
        "position": 1,
        "partitions": 2,
        "aggregate_id": str(uuid.UUID(int=7)),
        "version": 1,
        "event_type": "Noted",
        "payload": {"text": "a\nb \u2028"},
        "metadata": {"actor": "me"},
        "event_id": str(row[0]),
    }
    assert run(store, "relay", "--once")[:2] == (0, "")


def test_what_cannot_be_relayed_is_refused(
    store: Store, observer: Observer, tmp_path: Path
) -> None:
    code, _, err = run(store, "nobody", "--once")
    assert code == 1
    assert "there is no consumer nobody" in err and "--partitions" in err

    append_some(store, 1)
    path = tmp_path / "events.ndjson"
    once = ["--out", str(path), "--once"]
    assert run(store, "relay", "--partitions", "1", *once)[0] == 0
    code, _, err = run(store, "other", "--partitions", "2", *once)
    assert code == 1
    assert "was written for 1 partitions, the consumer has 2" in err

    running = start(store, "relay", "--out", str(path), stdout=subprocess.PIPE)
    try:
        wait_for(observer, IS_WAITING)
        code, _, err = run(store, "relay", *once)
        assert code == 1
        assert "another relay writes to" in err
    finally:
        running.kill()
        finish(running)

    path.write_text("no event\n")
    code, _, err = run(store, "relay", *once)
    assert code == 1
    assert "a line that is no event" in err
