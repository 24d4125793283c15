"""Promise 20: a full disk is an error, not a loss."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from pg_evident.failure import Failure
from pg_evident.server.cluster import Server
from report.evidence import Figures
from support.clients.bulky import add_bulky
from support.clients.calls import Connection
from support.clients.projection_work import rebuild, repeat
from support.clients.waiting import Background
from support.clients.workload import MODELS, Workload
from support.models.history import Fate
from support.models.projection_models import Model
from support.seeds import scaled
from support.servers.disk_places import PLACES, store_on_small_disk
from support.servers.small_disk import MEGABYTE, SmallDisk

pytestmark = [pytest.mark.promise(20), pytest.mark.faults]

ROUNDS = scaled(1, 7)
SECONDS = 60.0
# More than a recovery takes, also on a loaded machine.
PATIENCE = 20.0
DISK_FULL = "53100"
# A rebuild also gives up when transactions that take their time are in its way.
ALLOWED = frozenset({DISK_FULL, "55P03"})
# So many refusals, or a crash, and the disk has been full for long enough.
REFUSALS = 40


@contextlib.contextmanager
def rebuilding(work: Workload, model: Model) -> Iterator[Counter[str]]:
    """Rebuild a read model again and again until the block ends; count the ends."""
    over, ends = threading.Event(), Counter[str]()
    rng = random.Random(work.rng.getrandbits(64))
    task = Background(lambda: repeat(work.store, rebuild(model), rng, over))
    try:
        yield ends
    finally:
        over.set()
    ends.update(task.result())


def fill(disk: SmallDisk, work: Workload) -> Counter[str]:
    """Go on until the disk is full, and give how transactions ended meanwhile."""
    before = work.outcomes()
    disk.leave(work.rng.randint(1, 5) * MEGABYTE)
    deadline = time.monotonic() + SECONDS
    while True:
        ends = work.outcomes() - before
        if ends[DISK_FULL] >= REFUSALS or ends["unknown"]:
            return ends
        assert time.monotonic() < deadline, f"never full: {ends}"
        time.sleep(0.01)


def make_room(disk: SmallDisk, rng: random.Random) -> None:
    """Make the disk larger, or remove what else is on it."""
    if rng.random() < 0.3:
        disk.grow(8)
    else:
        disk.make_room()
    # What was stored meanwhile stays, and the next round needs room for its own.
    if disk.free < 16 * MEGABYTE:
        disk.grow(32)


def wait_until_settled(server: Server, seconds: float) -> bool:
    """Wait a while; say whether the server answers or has given up."""
    deadline = time.monotonic() + seconds
    while server.pid is not None and not server.is_running():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def bring_up(server: Server) -> bool:
    """Start the server if it has given up; say whether it had to be stopped first.

    A startup process of 18 that finds no room for the log may end without its
    postmaster taking notice: nobody is let in, whatever room there is, until a person
    stops the server.
    """
    deadline = time.monotonic() + SECONDS
    is_hung = not wait_until_settled(server, PATIENCE)
    if is_hung:
        print("neither up nor down, stopped:", server.log_tail())
        server.kill()
    while not server.is_running():
        assert time.monotonic() < deadline, f"no recovery: {server.log_tail()}"
        if server.pid is None:
            with contextlib.suppress(Failure):
                server.start()
        time.sleep(0.01)
    return is_hung


def run_into_full_disk(
    work: Workload, server: Server, disk: SmallDisk, rounds: int
) -> Counter[str]:
    """Fill the disk and make room, everybody at work; count what the server met."""
    met = Counter[str]()
    with work.running(), rebuilding(work, MODELS[0]) as ends:
        for _ in range(rounds):
            work.wait_for(30)
            during = fill(disk, work)
            met["crashes"] += bool(during["unknown"])
            if work.rng.random() < 0.5:
                wait_until_settled(server, PATIENCE / 2)
            make_room(disk, work.rng)
            met["hung"] += bring_up(server)
            work.wait_for(30)
    # A last one, with nobody in its way; it needs room to sort all that there is.
    disk.grow(256)
    with work.store.connect() as connection:
        rebuild(MODELS[0])(connection, work.rng)
    print(work.outcomes(), work.others, "rebuilds", ends)
    met["refusals"] = work.outcomes()[DISK_FULL] + work.others[DISK_FULL]
    met["refusals"] += ends[DISK_FULL]
    work.others += ends
    return met


@pytest.mark.parametrize("place", PLACES)
def test_what_is_acknowledged_is_there_when_there_is_room_again(
    major: int, rng: random.Random, figures: Figures, place: str
) -> None:
    with store_on_small_disk(major, place) as (mortal, disk):
        work = Workload(mortal.store, rng)
        add_bulky(work, 2)
        met = run_into_full_disk(work, mortal.server, disk, ROUNDS)
        assert work.violations(ALLOWED) == []
    assert met["crashes"] + met["refusals"] > 0
    # Without a log there is no going on; what does not fit in tables is refused.
    assert place != "log" or met["crashes"]
    assert place != "tables" or met["refusals"]
    figures.add(
        full_disks=ROUNDS,
        refusals_for_a_full_disk=met["refusals"],
        crashes_for_a_full_disk=met["crashes"],
        servers_hung_on_a_full_disk=met["hung"],
        acknowledged_transactions=sum(e.fate == Fate.OK for e in work.history),
        acknowledged_events_lost=0,
    )


@pytest.mark.twin_of(20, name="an acknowledged event that is gone afterwards")
def test_an_event_that_is_gone_afterwards_is_caught(
    major: int, rng: random.Random
) -> None:
    with store_on_small_disk(major, "tables") as (mortal, disk):
        work = Workload(mortal.store, rng)
        add_bulky(work, 2)
        run_into_full_disk(work, mortal.server, disk, rounds=1)
        with mortal.store.db.connect(autocommit=True) as observer:
            lose_last_event(observer)
        found = work.violations(ALLOWED)
    print(f"caught: {found[0]}" if found else "nothing found")
    assert any("lost append" in each or "partial" in each for each in found)


def lose_last_event(observer: Connection) -> None:
    """Take the newest event of a client out of the table, guards or not."""
    observer.execute("alter table evident.event_store disable trigger all")
    observer.execute(
        "delete from evident.event_store where id = ("
        "select max(id) from evident.event_store where payload ? 'op')"
    )
