"""Many keyed events over several connections, and rebuilds in slices meanwhile."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psycopg

from support.clients.calls import (
    Connection,
    Entry,
    Event,
    append_batch,
    append_event,
    append_events,
)
from support.clients.drawn_work import AGAIN, apply_setting, settle
from support.clients.feed_work import seeds_of
from support.clients.feed_writers import Progress
from support.clients.store import Store
from support.clients.waiting import Background
from support.models.drawn_models import Model, make_schema, refusal_of
from support.models.drawn_values import SETTINGS, TEXTS

MODELS = (
    Model("kept", "integer", "sync", None),
    Model("run", "text", "async", None),
)
SLICES = 4
# Of a hundred calls so many are single appends, and so many append_events.
SINGLE, SEVERAL = 10, 20
BATCH = 200
# One key in several texts; and texts that are keys of their own.
NUMBERS = ["%d", "+%d", "00%d", " %d", "%d ", "\t%d\n"]
WORDS = ["%d", "0%d", "%d ", "\u00e9%d", "e\u0301%d", "'%d%%s\\"]

Append = Callable[[Connection, Sequence[Entry]], tuple[int, ...]]


@dataclass
class Done:
    """What the appends came to: events acknowledged, codes, and seconds."""

    events: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    rebuilds: int = 0
    seconds: float = 0.0


def work(store: Store, observer: Connection, rng: random.Random, events: int) -> Done:
    """Append so many events over 8 connections; rebuild twice in slices meanwhile."""
    make_schema(observer, [each.kind for each in MODELS])
    with contextlib.closing(store.connect()) as connection:
        for model in MODELS:
            model.make(observer, connection)
    progress, over, done = Progress(events), threading.Event(), Done()
    started = time.monotonic()
    running = Background(lambda: run(store, over))
    rebuilding = Background(lambda: rebuild(store, progress))
    writing = [
        Background(lambda s=s: write(store, random.Random(s), progress))
        for s in seeds_of(rng, 8)
    ]
    try:
        for each in writing:
            done.outcomes += each.result(3000)
        done.rebuilds = rebuilding.result(3000)
    finally:
        progress.stop()
        over.set()
    running.result(600)
    done.seconds, done.events = time.monotonic() - started, progress.committed
    with contextlib.closing(store.connect()) as connection:
        connection.execute("set statement_timeout = 0")
        for model in MODELS:
            settle(connection, model, repairs=False)
    return done


def run(store: Store, over: threading.Event) -> None:
    """Fold what is there, until all is over."""
    with contextlib.closing(store.connect()) as connection:
        while not over.is_set():
            connection.execute("select evident.run_projection('drawn.run', 2000)")
            over.wait(0.01)


def rebuild(store: Store, progress: Progress) -> int:
    """Rebuild both models in slices at a third and at two thirds of the events."""
    done = 0
    with contextlib.closing(store.connect()) as connection:
        connection.execute("set statement_timeout = 0")
        for share in (1 / 3, 2 / 3):
            progress.wait_for(share)
            for model in MODELS:
                for n in range(SLICES):
                    rebuild_slice(connection, model, n)
                    done += 1
    return done


def rebuild_slice(connection: Connection, model: Model, number: int) -> None:
    """Rebuild one slice, again where others were in the way."""
    while True:
        try:
            connection.execute(
                "select evident.rebuild_projection(%s, %s, %s)",
                [model.name, number, SLICES],
            )
            return
        except psycopg.Error as error:
            if refusal_of(error) not in AGAIN:
                raise


def write(store: Store, rng: random.Random, progress: Progress) -> Counter[str]:
    """Append under odd settings until the target is reached; count the codes."""
    outcomes = Counter[str]()
    try:
        with contextlib.closing(store.connect()) as connection:
            for name in rng.sample(sorted(SETTINGS), 4):
                apply_setting(connection, name, rng.choice(SETTINGS[name]))
            while not progress.is_over():
                size, function = choose(rng)
                request = entries(rng, size, is_one=function is not append_batch)
                code = ""
                while code in {"", *AGAIN}:
                    try:
                        function(connection, request)
                        code = "ok"
                    except psycopg.Error as error:
                        code = refusal_of(error)
                    outcomes[code] += 1
                progress.add(size if code == "ok" else 0)
    except BaseException:
        progress.stop()
        raise
    return outcomes


def choose(rng: random.Random) -> tuple[int, Append]:
    """Choose how many events go in, by which function."""
    chance = rng.randrange(100)
    if chance < SINGLE:
        return 1, append_event
    return (20, append_events) if chance < SEVERAL else (BATCH, append_batch)


def entries(rng: random.Random, size: int, *, is_one: bool) -> Sequence[Entry]:
    """Make events of a few keys, now and then of those that all others use."""
    few = 5 if rng.random() < 0.1 else 2000
    keys = [rng.randrange(few) for _ in range(4)]
    made = [event(rng, rng.choice(keys)) for _ in range(size)]
    half = size if is_one else size // 2
    parts = [part for part in (made[:half], made[half:]) if part]
    return [
        Entry(uuid.UUID(int=rng.getrandbits(128)), None, tuple(part)) for part in parts
    ]


def event(rng: random.Random, key: int) -> Event:
    """Spell one key as an integer and as a text, in a way of its own."""
    number, text = (rng.choice(each) % key for each in (NUMBERS, WORDS))
    payload = {
        "keys": {"integer": [number], "text": [text]},
        "given": rng.choice(TEXTS)[0],
        "amount": "0.10",
    }
    return Event("Added", payload)
