"""The attack matrix: what somebody does to history, and where it must show."""

from __future__ import annotations

from dataclasses import dataclass

VICTIM = 300  # the place in the log of the event that is attacked
TAIL = 690  # in the last tile, which is not full


@dataclass(frozen=True)
class Attack:
    """Statements of an owner who has taken the guards off, and what must find them.

    `names` says whether the offline verifier must name the event at `place`. The
    publisher refuses only a tree that does not continue the one it signed: it does not
    look at old events.
    """

    name: str
    statements: tuple[str, ...]
    place: int = VICTIM
    guards: bool = False
    ledger: bool = False
    checkpoint: bool = False
    publisher: bool = False
    verifier: bool = False
    names: bool = False


def _at(place: int) -> str:
    return (
        "(select e.id from evident.event_store as e order by e.id"
        f" limit 1 offset {place})"
    )


EDIT = (
    "update evident.event_store set payload = '{\"amount\": 1000}'"
    f" where id = {_at(VICTIM)}"
)
# Whoever owns the store can compute everything in it anew.
REBUILD = (
    "truncate evident.ledger_tile",
    "delete from evident.tree_head where number > 1",
    "update evident.ledger_state set head_number = 1",
    "select evident.seal()",
)
_BLIND = (
    "create or replace function evident.verify_ledger("
    " p_from bigint default 0, p_to bigint default null)"
    " returns table (leaf_index bigint, event_id uuid, problem text)"
    " language plpgsql stable security definer"
    " set search_path = pg_catalog, pg_temp as $$ begin end $$"
)

ATTACKS = (
    Attack(
        "an owner edits a sealed event",
        (EDIT,),
        ledger=True,
        checkpoint=True,
        verifier=True,
        names=True,
    ),
    *(
        Attack(
            f"an owner edits the {column} of a sealed event",
            (
                f"update evident.event_store set {column} = {value}"
                f" where id = {_at(VICTIM)}",
            ),
            ledger=True,
            checkpoint=True,
            verifier=True,
            names=column != "event_id",
        )
        for column, value in (
            ("event_type", "'Forged'"),
            ("metadata", '\'{"actor": "nobody"}\''),
            ("occurred_at", "occurred_at - interval '1 microsecond'"),
            ("recorded_by", "'somebody else'"),
            ("aggregate_id", "'00000000-0000-0000-0000-000000000001'"),
            ("version", "99"),
            ("event_id", "'00000000-0000-0000-0000-000000000002'"),
        )
    ),
    # The last tile is not full, so nothing but tree heads holds its hashes.
    Attack(
        "an owner edits one of the newest events",
        (EDIT.replace(_at(VICTIM), _at(TAIL)),),
        place=TAIL,
        ledger=True,
        checkpoint=True,
        publisher=True,
        verifier=True,
    ),
    Attack(
        "an owner edits a sealed event and rebuilds tiles and tree heads",
        (EDIT, *REBUILD),
        checkpoint=True,
        publisher=True,
        verifier=True,
    ),
    Attack(
        "an owner deletes a sealed event",
        (f"delete from evident.event_store where id = {_at(VICTIM)}",),
        ledger=True,
        checkpoint=True,
        verifier=True,
    ),
    Attack(
        "an owner deletes an aggregate",
        ("delete from evident.event_store where aggregate_id = md5('first/7')::uuid",),
        ledger=True,
        checkpoint=True,
        verifier=True,
    ),
    Attack(
        "an owner deletes the tail",
        (f"delete from evident.event_store where id >= {_at(500)}",),
        ledger=True,
        checkpoint=True,
        publisher=True,
        verifier=True,
    ),
    Attack(
        "an owner deletes the tail and rebuilds tiles and tree heads",
        (f"delete from evident.event_store where id >= {_at(500)}", *REBUILD),
        checkpoint=True,
        publisher=True,
        verifier=True,
    ),
    Attack(
        "an owner puts an event into a gap of sealed history",
        (
            "insert into evident.event_store"
            " (id, aggregate_id, version, event_type, payload)"
            " overriding system value"
            " values (-1, gen_random_uuid(), 1, 'Forged', '{}')",
        ),
        ledger=True,
        checkpoint=True,
        verifier=True,
    ),
    Attack(
        "an owner rewrites everything from zero",
        (
            "truncate evident.event_store",
            "insert into evident.event_store"
            " (aggregate_id, version, event_type, payload)"
            " select gen_random_uuid(), 1, 'Invented', '{}'"
            " from generate_series(1, 900)",
            *REBUILD,
        ),
        checkpoint=True,
        publisher=True,
        verifier=True,
    ),
    Attack(
        "an owner deletes a tree head",
        ("delete from evident.tree_head where number = 3",),
        ledger=True,
        verifier=True,
    ),
    Attack(
        "an owner changes with which event a tree head ends",
        (
            "update evident.tree_head set last_event_id = last_event_id - 1"
            " where number = 3",
        ),
        ledger=True,
        verifier=True,
    ),
    Attack(
        "verify_ledger is replaced, then an event edited",
        (_BLIND, EDIT),
        guards=True,
        checkpoint=True,
        verifier=True,
        names=True,
    ),
    Attack(
        "an append function is replaced",
        (
            "create or replace function evident._now() returns timestamptz"
            " language sql volatile parallel safe as $$ select now() $$",
        ),
        guards=True,
    ),
)
