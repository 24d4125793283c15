"""Promise 23: nobody writes to the store's own stream, and nobody stops the store."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from support.checkers.ledger import ledger_violations
from support.clients.calls import Connection, Entry, append_event, events_of
from support.clients.seal_work import seal, seal_all
from support.clients.store import OWN, Store
from support.clients.waiting import Background, wait_for, wait_until_blocked_or_done

pytestmark = pytest.mark.promise(23)

Observer = psycopg.Connection[Any]

LOG = "select i.log_id from evident.log_identity as i"
# What guard_status says now, and what the own events say of it when they are folded.
GUARDS = """
    select to_jsonb(g) as guard from evident.guard_status() as g
"""
FOLDED = """
    select c.guard
    from (
        select distinct on (c.guard) c.guard, c.is_added
        from evident.event_store as e
        cross join lateral (
            select a.guard, true as is_added
            from jsonb_path_query(e.payload, '$.added[*]') as a (guard)
            union all
            select r.guard, false
            from jsonb_path_query(e.payload, '$.removed[*]') as r (guard)
        ) as c
        where e.aggregate_id = any (%(own)s) and e.event_type = 'GuardChanged'
        order by c.guard, e.version desc
    ) as c
    where c.is_added
"""


def append(connection: Connection, count: int = 3) -> None:
    for _ in range(count):
        append_event(connection, [Entry(uuid.uuid4(), 0, events_of("own", 1))])


def number(observer: Observer, query: str, *parameters: Any) -> Any:
    row = observer.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]


def untold(observer: Observer, own: list[uuid.UUID]) -> int:
    """Count the guards that the own events do not tell as they are."""
    return int(
        number(
            observer,
            f"with found as ({GUARDS}), told as ({FOLDED.replace('%(own)s', '%s')})"
            " select (select count(*) from (table found except table told) as a)"
            " + (select count(*) from (table told except table found) as b)",
            own,
        )
    )


# What a writer tries, with what it knows: how the guards that are to come look like.
FORGED = {
    "as if it were told": '{{"fingerprint": "{newest}", "added": [], "removed": []}}',
    "as if nothing were guarded": '{{"fingerprint": "0", "removed": {added}}}',
    "shapeless": '{{"added": {{"a": [null]}}, "removed": 7, "fingerprint": []}}',
    "large": '{{"added": ["{long}"], "part": -1, "parts": "x"}}',
}


def attack(writer: Connection, aggregate: uuid.UUID, payload: str) -> set[str | None]:
    """Append to an aggregate by every function; give the errors."""
    calls = [
        ("select evident.append_event(%s, 'GuardChanged', %s)", [aggregate, payload]),
        (
            "select evident.append_events(%s,"
            " jsonb_build_array(jsonb_build_object("
            " 'type', 'IncarnationBegun', 'payload', %s::jsonb)))",
            [aggregate, payload],
        ),
        (
            "select evident.append_batch(jsonb_build_array(jsonb_build_object("
            " 'aggregate_id', %s::uuid, 'events', jsonb_build_array("
            " jsonb_build_object('type', 'GuardChanged', 'payload', %s::jsonb)))))",
            [aggregate, payload],
        ),
    ]
    errors: set[str | None] = set()
    for query, parameters in calls:
        try:
            writer.execute(query.encode(), parameters)
            errors.add(None)
        except psycopg.Error as error:
            errors.add(error.sqlstate)
    return errors


def misled(store: Store, observer: Observer) -> list[str]:
    """Let a writer forge while guards come and go; name what the store got wrong."""
    with store.connect() as sealer, store.connect() as writer:
        append(writer)
        seal_all(sealer)
        log = number(observer, LOG)
        # What the sealer itself wrote, wherever that is.
        own = [
            OWN
            if number(observer, "select evident.aggregate_version(%s)", OWN)
            else log
        ]
        found = []
        for turn, (name, form) in enumerate(FORGED.items()):
            observer.execute(f"create view evident.extra_{turn} as select 1".encode())
            # The writer saw such a state of the guards told before: it comes again.
            seal_all(sealer)
            newest, added = observer.execute(
                "select e.payload ->> 'fingerprint', e.payload ->> 'added'"
                " from evident.event_store as e"
                " where e.aggregate_id = any (%s) order by e.id desc limit 1",
                [own],
            ).fetchone() or ("{}", "[]")
            observer.execute(f"drop view evident.extra_{turn}".encode())
            seal_all(sealer)
            observer.execute(f"create view evident.extra_{turn} as select 1".encode())
            payload = form.format(newest=newest, added=added, long="x" * 900_000)
            assert attack(writer, OWN, payload) == {"PT403"}
            attack(writer, log, payload)
            seal_all(sealer)
            if wrong := untold(observer, own):
                found.append(f"{name}: {wrong} guards are not told as they are")
        strangers = number(
            observer,
            "select count(*) from evident.event_store as e"
            " where e.aggregate_id = any (%s) and e.event_type <> 'GuardChanged'",
            own,
        )
        if strangers:
            found.append(f"{strangers} strange events in the own stream")
        status = observer.execute(
            "select s.attestation_error from evident.ledger_status as s"
        ).fetchone()
        if status != (None,):
            found.append(f"not told: {status}")
    return found + ledger_violations(observer)


def test_what_writers_append_misleads_no_seal(store: Store, observer: Observer) -> None:
    assert misled(store, observer) == []


@pytest.mark.twin_of(23)
def test_an_own_stream_that_is_open_to_writers_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("open_own_stream")
    assert misled(store, observer) != []


# Who may work.


@pytest.fixture
def stranger(observer: Observer, store: Store) -> Iterator[Connection]:
    """Give a login that may do nothing but connect."""
    observer.execute(
        "do $$ begin create role evident_test_passerby login; "
        "exception when duplicate_object then null; end $$"
    )
    with psycopg.connect(
        store.db.dsn, user="evident_test_passerby", autocommit=True
    ) as connection:
        yield connection


def stopped(store: Store, observer: Observer, stranger: Connection) -> list[str]:
    """Hold every advisory lock that sealers ever had; who does not work?"""
    stranger.execute("begin")
    for key in (17755 << 48, 17755 << 48 | 1):
        stranger.execute("select pg_advisory_xact_lock(%s)", [key])
    stranger.execute(
        "select pg_advisory_xact_lock(a.aggregate)"
        " from unnest(array["
        "  hashtextextended(%s::text, 0), uuid_hash_extended(%s::uuid, 0)])"
        " as a (aggregate)",
        [OWN, OWN],
    )
    found = []
    with store.connect() as sealer:
        sealer.execute("set lock_timeout = '2s'")
        append(sealer)
        if seal(sealer) != 3:
            found.append("seal does nothing")
        try:
            sealer.execute("select evident.begin_incarnation('beside locks')")
        except psycopg.Error as error:
            found.append(f"begin_incarnation ends with {error.sqlstate}")
        stranger.execute("commit")
        seal_all(sealer)
    told = number(
        observer,
        "select array_agg(distinct e.event_type order by e.event_type)"
        " from evident.event_store as e where e.aggregate_id = %s",
        OWN,
    )
    if not found and told != ["GuardChanged", "IncarnationBegun"]:
        found.append(f"told is only {told}")
    return found


@pytest.mark.promise(26)
def test_no_advisory_lock_keeps_evidence_from_being_written(
    store: Store, observer: Observer, stranger: Connection
) -> None:
    assert stopped(store, observer, stranger) == []


@pytest.mark.twin_of(23)
@pytest.mark.twin_of(26)
def test_a_sealer_that_gives_up_for_an_advisory_lock_is_caught(
    store: Store,
    observer: Observer,
    stranger: Connection,
    twin: Callable[[str], None],
) -> None:
    twin("advisory_sealer")
    assert stopped(store, observer, stranger) != []


def test_a_seal_that_finds_another_one_gives_0_and_says_who(
    store: Store, observer: Observer
) -> None:
    with store.connect() as one, store.connect() as two:
        said: list[str] = []
        two.add_notice_handler(lambda d: said.append(d.message_primary or ""))
        append(one)
        one.execute("begin")
        assert seal(one) == 3
        assert seal(two) == 0
        pid = one.info.backend_pid
        assert said.pop().startswith(f"nothing is done: session {pid} of ")
        one.execute("rollback")
        assert seal(two) == 3
        assert seal_all(two) == 1
        assert said == []


def test_a_prepared_seal_is_named(store: Store, observer: Observer) -> None:
    if number(observer, "show max_prepared_transactions") == "0":
        pytest.skip("max_prepared_transactions is 0")
    with store.connect() as one, store.connect() as two:
        said: list[str] = []
        two.add_notice_handler(lambda d: said.append(d.message_primary or ""))
        append(one)
        one.execute("begin")
        one.execute("savepoint a")
        assert seal(one) == 3
        one.execute("release a")
        one.execute("prepare transaction 'left ''alone'")
        assert seal(two) == 0
        assert said == [
            "nothing is done: prepared transaction 'left ''alone' seals, or begins an"
            " incarnation"
        ]
        one.execute("commit prepared 'left ''alone'")
        assert seal_all(two) == 1
    assert ledger_violations(observer) == []


# Interleavings of seal and begin_incarnation.


def test_an_incarnation_waits_for_a_seal_and_a_seal_does_not_wait(
    store: Store, observer: Observer
) -> None:
    begin = "select evident.begin_incarnation('r')"
    with store.connect() as sealer, store.connect() as other, store.connect() as third:
        append(sealer)
        sealer.execute("begin")
        assert seal(sealer) == 3
        one = Background(lambda: other.execute(begin).fetchone())
        two = Background(lambda: third.execute(begin).fetchone())
        for each, task in ((other, one), (third, two)):
            wait_until_blocked_or_done(observer, each, task)
            assert not task.is_done()
        sealer.execute("commit")
        assert sorted(r[0] for r in (one.result(), two.result()) if r) == [2, 3]
        other.execute("begin")
        other.execute(begin)
        append(sealer)
        assert seal(sealer) == 0
        other.execute("rollback")
        seal_all(sealer)
    assert number(observer, "select count(*) from evident.log_identity") == 3
    assert ledger_violations(observer) == []


def two_at_once(store: Store, observer: Observer) -> bool:
    """Begin an incarnation after another one, which it waited for; does a seal work?"""
    begin = "select evident.begin_incarnation('r')"
    with store.connect() as one, store.connect() as two, store.connect() as sealer:
        append(sealer)
        one.execute("begin")
        one.execute(begin)
        two.execute("begin")
        task = Background(lambda: two.execute(begin).fetchone())
        wait_until_blocked_or_done(observer, two, task)
        one.execute("commit")
        assert task.result() is not None
        sealer.execute("set lock_timeout = '200ms'")
        try:
            return seal(sealer) > 0
        except psycopg.errors.LockNotAvailable:
            # It got as far as the next row that both write.
            return True


def test_all_lock_the_same_row_whatever_they_saw(
    store: Store, observer: Observer
) -> None:
    assert not two_at_once(store, observer)


@pytest.mark.twin_of(23)
def test_a_sealer_that_locks_the_newest_row_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("newest_row_sealer")
    assert two_at_once(store, observer)


# A seal that is done stays done.

RAISES = """
create function public.raises() returns trigger language plpgsql as $$
begin
    {body}
    return null;
end $$;
create trigger raises after insert on evident.event_store
for each row when (new.aggregate_id = '00000000-0000-0000-0000-000000000000')
execute function public.raises()
"""


def undone(store: Store, observer: Observer) -> list[str]:
    """Seal while a trigger raises for own events; name what did not get done."""
    body = "raise exception 'unknown type %', new.event_type;"
    observer.execute(RAISES.format(body=body).encode())
    found = []
    with store.connect() as sealer:
        append(sealer)
        try:
            if seal(sealer) != 3:
                found.append("not sealed")
            sealer.execute("select evident.begin_incarnation('restored')")
        except psycopg.Error as error:
            found.append(f"undone by {error}")
        status = observer.execute(
            "select s.leaves, s.incarnation, s.attestation_sqlstate,"
            " s.attestation_error, s.attestation_failed_at <= now()"
            " from evident.ledger_status as s"
        ).fetchone()
        if status != (3, 2, "P0001", "unknown type GuardChanged", True):
            found.append(f"the status is {status}")
        observer.execute("drop trigger raises on evident.event_store")
        seal(sealer)
        seal_all(sealer)
        told = observer.execute(
            "select e.event_type from evident.event_store as e"
            " where e.aggregate_id = %s order by e.version",
            [OWN],
        ).fetchall()
        if told[:2] != [("IncarnationBegun",), ("GuardChanged",)]:
            found.append(f"told is {told}")
        if number(observer, "select attestation_error from evident.ledger_status"):
            found.append("the failure stays in the status")
    return found + ledger_violations(observer)


def test_a_seal_stays_done_when_its_own_events_cannot_be_stored(
    store: Store, observer: Observer
) -> None:
    assert undone(store, observer) == []


@pytest.mark.twin_of(23)
def test_a_seal_that_its_own_events_undo_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("fragile_attestation")
    assert any("undone" in each for each in undone(store, observer))


def test_a_cancelled_attestation_cancels_the_seal(
    store: Store, observer: Observer
) -> None:
    observer.execute(RAISES.format(body="perform pg_sleep(60);").encode())
    with store.connect() as sealer:
        append(sealer)
        task = Background(lambda: seal(sealer))
        wait_for(
            observer,
            "exists (select from pg_stat_activity as a"
            " where a.pid = %s and a.wait_event = 'PgSleep')",
            sealer.info.backend_pid,
        )
        sealer.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            task.result()
    assert number(observer, "select leaves from evident.ledger_status") == 0


# Tree heads.


def misnumbered(store: Store, observer: Observer) -> list[Any]:
    """Roll seals back in between; what does the check of tree heads say?"""
    with store.connect() as sealer:
        for end in ("commit", "rollback", "commit", "rollback", "rollback", "commit"):
            append(sealer, 2)
            sealer.execute("begin")
            seal(sealer)
            sealer.execute(end.encode())
        seal_all(sealer)
    return observer.execute("select v.* from evident.verify_ledger() as v").fetchall()


@pytest.mark.promise(25)
def test_seals_that_were_rolled_back_leave_no_gap(
    store: Store, observer: Observer
) -> None:
    assert misnumbered(store, observer) == []


@pytest.mark.twin_of(23)
@pytest.mark.twin_of(25)
def test_numbers_that_a_sequence_gives_are_caught(
    store: Store, observer: Observer, twin: Callable[[str], None]
) -> None:
    twin("drawn_head_numbers")
    assert misnumbered(store, observer) != []
