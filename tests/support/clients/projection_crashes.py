"""Writers, runners and rebuilds on a server that is killed."""

from __future__ import annotations

import random
import threading
import uuid

from pg_evident.server.cluster import Server
from support.clients.crashes import crash
from support.clients.feed_work import seeds_of
from support.clients.feed_writers import Progress
from support.clients.projection_work import rebuild, repeat, run_slices
from support.clients.projection_writers import Writer
from support.clients.store import Store
from support.clients.waiting import Background, results
from support.models.projection_models import ASYNC, ASYNC_ACROSS, SYNC, SYNC_ACROSS


def work_until_crash(
    store: Store, server: Server, rng: random.Random, events: int
) -> None:
    """Let all go on until so many events are there, and kill the server then."""
    progress, over = Progress(events * 100), threading.Event()
    shared = [uuid.UUID(int=rng.getrandbits(128)) for _ in range(6)]
    actions = [run_slices(ASYNC), run_slices(ASYNC_ACROSS)]
    actions += [rebuild(each) for each in (SYNC, SYNC_ACROSS, ASYNC_ACROSS)]
    repeating = [
        Background(lambda a=a, s=s: repeat(store, a, random.Random(s), over))
        for a, s in zip(actions, seeds_of(rng, len(actions)), strict=True)
    ]
    writing = [
        Background(Writer(store, random.Random(s), shared, progress).run)
        for s in seeds_of(rng, 4)
    ]
    progress.wait_for(0.01)
    crash(server)
    progress.stop()
    over.set()
    results([*writing, *repeating])
