"""Drawn programs: sessions of odd settings that append while read models are worked."""

from __future__ import annotations

import contextlib
import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import psycopg
from psycopg import sql

from support.checkers.projections import drift
from support.clients.calls import (
    Connection,
    Entry,
    Event,
    append_batch,
    append_event,
    append_events,
)
from support.clients.store import Store
from support.clients.waiting import Background, together
from support.models.drawn_models import Model, differences, refusal_of
from support.models.drawn_values import ALLOWED, SETTINGS, SPELLINGS, TEXTS

FUNCTIONS = {"event": append_event, "events": append_events, "batch": append_batch}
# Another was first, for which one appends or asks again.
AGAIN = {"40001", "40P01", "55P03"}
_numbers = itertools.count(1)


@dataclass
class Plan:
    """What one example does; events are of numbers until the models have names."""

    models: list[tuple[str, str, int]]
    sessions: list[tuple[dict[str, str], list[tuple[str, list[Any]]]]]
    limit: int
    slices: int
    rebuilds: bool
    pauses: bool
    repairs: bool
    begins_live: bool


@dataclass
class Outcome:
    """What the calls of all sessions came to, and the events acknowledged."""

    appends: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    events: int = 0


def _one_of(choices: Sequence[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(choices)


def settings_of_a_session(least: int) -> st.SearchStrategy[dict[str, str]]:
    """Draw at least so many settings, and what a session has set them to."""
    return st.dictionaries(
        _one_of(sorted(SETTINGS)), st.integers(0, 3), min_size=least, max_size=least + 6
    ).map(
        lambda drawn: {k: SETTINGS[k][n % len(SETTINGS[k])] for k, n in drawn.items()},
    )


# Mostly a few keys, so that sessions meet in them; of each a text by its number.
events = st.tuples(
    _one_of(["Added", "Added", "Added", "Added", "Closed", "Other"]),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=3),
    st.integers(0, len(TEXTS) - 1),
    _one_of(["1", "-2.50", "0.000", "1e3"]),
    # Which model it fails in, if any: none in the simplest example.
    st.integers(0, 40).map(lambda drawn: 40 - drawn),
)
entries = st.tuples(st.integers(0, 2), st.lists(events, min_size=1, max_size=4))
calls = st.one_of(
    st.tuples(st.just("event"), st.lists(entries, min_size=1, max_size=1)),
    st.tuples(st.just("events"), st.lists(entries, min_size=1, max_size=1)),
    st.tuples(
        st.just("batch"),
        st.lists(entries, min_size=1, max_size=3, unique_by=lambda entry: entry[0]),
    ),
)


def plans(
    kinds: Sequence[str] = ("aggregate", *ALLOWED),
    modes: Sequence[str] = ("sync", "async"),
    least: int = 2,
) -> st.SearchStrategy[Plan]:
    """Draw key types, modes, settings, calls, slices, pauses and parked keys.

    Each session has at least so many settings of its own.
    """
    return st.builds(
        Plan,
        models=st.lists(
            st.tuples(_one_of(kinds), _one_of(modes), st.integers(0, 3)),
            min_size=1,
            max_size=3,
        ),
        sessions=st.lists(
            st.tuples(
                settings_of_a_session(least), st.lists(calls, min_size=4, max_size=12)
            ),
            min_size=2,
            max_size=4,
        ),
        limit=st.sampled_from([1, 3, 1000]),
        slices=st.integers(1, 3),
        # A rebuild beside the appends also repairs what they fold wrongly.
        rebuilds=st.booleans(),
        pauses=st.booleans(),
        repairs=st.booleans(),
        begins_live=st.sampled_from([True, True, False]),
    )


def violations(store: Store, observer: Connection, plan: Plan) -> list[str]:
    """Run a plan on models of its own, and name what is wrong afterwards."""
    number = next(_numbers)
    models = [
        Model(f"m{number}_{n}", kind, mode, types_of(number, choice))
        for n, (kind, mode, choice) in enumerate(plan.models)
    ]
    # What stands in the log already: a synchronous one begins by catching up.
    with contextlib.closing(store.connect()) as connection:
        for each in models:
            each.make(observer, connection)
            if plan.begins_live:
                settle(connection, each, repairs=False)
    try:
        done = run(store, plan, models, number)
        found = finish(store, observer, plan, models)
        for each in models:
            found += drift(observer, each.name)
            found += differences(observer, each, plan.repairs)
    finally:
        for each in models:
            each.drop(observer)
    # Of this plan's aggregates alone: sessions of one that broke off may go on.
    row = observer.execute(
        "select count(*) from evident.event_store where aggregate_id between %s and %s",
        [uuid.UUID(int=number << 64), uuid.UUID(int=(number + 1) << 64)],
    ).fetchone()
    assert row is not None
    if row[0] != done.events:
        found.append(f"{row[0]} events stored, {done.events} acknowledged")
    return found + odd(done)


def types_of(number: int, choice: int) -> tuple[str, ...] | None:
    """Choose event types: mostly those of this example alone, or all there are."""
    if choice == 0:
        return None
    return tuple(f"{each}{number}" for each in ("Added", "Closed", "Other")[:choice])


def odd(done: Outcome) -> list[str]:
    """Name the codes that nothing in a plan explains."""
    return [
        f"{who}: {code}"
        for who, known, codes in (
            # 22000 is the bad event's, PT423 that of the key it parked.
            ("append", {"ok", "22000", "PT423", *AGAIN}, done.appends),
            ("other", {"ok", "22000", *AGAIN}, done.others),
        )
        for code in codes
        if code not in known
    ]


def run(store: Store, plan: Plan, models: Sequence[Model], number: int) -> Outcome:
    """Let all sessions append at once, and work at the models until they are done."""
    done, over = Outcome(), threading.Event()
    working = [
        Background(lambda a=action: repeat(store, a, over))
        for action in actions(plan, models)
    ]
    try:
        ended = together(
            [
                lambda s=session: appends(store, s, models, number)
                for session in plan.sessions
            ],
            timeout=600,
        )
    finally:
        over.set()
    for each, count in ended:
        done.appends += each
        done.events += count
    for task in working:
        done.others += task.result()
    return done


def appends(
    store: Store, session: Any, models: Sequence[Model], number: int
) -> tuple[Counter[str], int]:
    """Run the calls of one session; give the codes, and the events acknowledged."""
    chosen, requests = session
    outcomes, count = Counter[str](), 0
    with contextlib.closing(store.connect()) as connection:
        for name, value in chosen.items():
            apply_setting(connection, name, value)
        for name, drawn in requests:
            request = [entry_of(each, models, number, name) for each in drawn]
            code = ""
            while code in {"", *AGAIN}:
                try:
                    FUNCTIONS[name](connection, request)
                    code = "ok"
                    count += sum(len(each.events) for each in request)
                except psycopg.Error as error:
                    code = refusal_of(error)
                outcomes[code] += 1
    return outcomes, count


def apply_setting(connection: Connection, name: str, value: str) -> None:
    """Set what this server has."""
    parts = sql.SQL(", ").join(map(sql.Literal, value.split(", ")))
    is_list = name in ("datestyle", "search_path")
    connection.execute(
        sql.SQL("set {} to {}").format(
            sql.Identifier(name), parts if is_list else sql.Literal(value)
        )
    )


def entry_of(drawn: Any, models: Sequence[Model], number: int, name: str) -> Entry:
    aggregate, given = drawn
    if name == "event":
        given = given[:1]
    made = tuple(event_of(each, models, number) for each in given)
    return Entry(uuid.UUID(int=(number << 64) + aggregate + 1), None, made)


def event_of(drawn: Any, models: Sequence[Model], number: int) -> Event:
    kind, keys, text, amount, bad = drawn
    payload: dict[str, Any] = {
        "keys": {each.kind: spelled(each.kind, keys) for each in models},
        "given": TEXTS[text][0],
        "amount": amount,
    }
    if bad < len(models):
        payload["bad"] = models[bad].short
    return Event(f"{kind}{number}", payload)


def spelled(kind: str, keys: Sequence[tuple[int, int]]) -> list[str | None]:
    """Write drawn keys as texts; a high number is a text that is no key."""
    if kind == "aggregate":
        return []
    known = list(SPELLINGS[kind].values())
    given: list[str | None] = []
    for value, text in keys:
        if kind == "text":
            value += text
        texts = known[value % len(known)]
        given.append([None, ""][value % 2] if text == 12 else texts[text % len(texts)])
    return given


Action = Callable[[Connection], None]


def actions(plan: Plan, models: Sequence[Model]) -> list[Action]:
    """Give what goes on beside the appends: two runners, maybe rebuilds, pauses."""

    def run_all(connection: Connection) -> None:
        for each in models:
            connection.execute(
                "select evident.run_projection(%s, %s)", [each.name, plan.limit]
            )

    def rebuild(connection: Connection) -> None:
        for each in models:
            for n in range(plan.slices):
                connection.execute(
                    "select evident.rebuild_projection(%s, %s, %s)",
                    [each.name, n, plan.slices],
                )

    def pause(connection: Connection) -> None:
        for each in models:
            connection.execute("select evident.pause_projection(%s)", [each.name])
            connection.execute("select evident.resume_projection(%s)", [each.name])

    return [
        run_all,
        run_all,
        *[rebuild] * plan.rebuilds,
        *[pause] * plan.pauses,
    ]


def repeat(store: Store, action: Action, over: threading.Event) -> Counter[str]:
    """Repeat an action until all is appended; count how it ended."""
    outcomes = Counter[str]()
    with contextlib.closing(store.connect()) as connection:
        while not over.is_set():
            try:
                action(connection)
                outcomes["ok"] += 1
            except psycopg.Error as error:
                outcomes[refusal_of(error)] += 1
            over.wait(0.002)
    return outcomes


def finish(
    store: Store, observer: Connection, plan: Plan, models: Sequence[Model]
) -> list[str]:
    """Resume, run to the end, repair or skip what is parked; name what stays behind."""
    with contextlib.closing(store.connect()) as connection:
        for each in models:
            if plan.repairs:
                each.repair(observer)
            connection.execute("select evident.resume_projection(%s)", [each.name])
            settle(connection, each, plan.repairs)
        rows = connection.execute(
            "select p.name, p.state from evident.projection as p"
            " where p.state <> 'running'"
        ).fetchall()
    return [f"{name} is {state}" for name, state in rows]


def settle(connection: Connection, model: Model, repairs: bool) -> None:
    """Run a projection until nothing is left and nothing is parked."""
    how = "retry_failure(%s, %s)" if repairs else "skip_failure(%s, %s, 'us', 'bad')"
    for _ in range(1000):
        row = connection.execute(
            "select evident.run_projection(%s)", [model.name]
        ).fetchone()
        parked = connection.execute(
            "select f.key from evident.projection_failure as f where f.projection = %s",
            [model.name],
        ).fetchall()
        for (key,) in parked:
            connection.execute(f"select evident.{how}".encode(), [model.name, key])
        if row == (0,) and not parked:
            return
    raise AssertionError(f"{model.name} does not come to an end")
