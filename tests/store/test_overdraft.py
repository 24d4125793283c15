"""Decide, then append: whatever tellers do at once, no account is overdrawn."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from support.checkers.bounded import first_violations
from support.clients.store import Connection, Store
from support.clients.waiting import Background, together, wait_until_blocked

pytestmark = pytest.mark.promise(8)

Observer = psycopg.Connection[Any]
Twin = Callable[[str], None]

TELLERS = 8
AGAIN = frozenset({"PT409", "40001"})

# The balance after each event of an account, from the events alone.
BALANCES = """
select
    e.version,
    sum(
        (e.payload ->> 'amount')::numeric
        * case e.event_type when 'MoneyWithdrawn' then -1 else 1 end
    ) over (order by e.version)
from evident.event_store as e
where e.aggregate_id = %s and e.event_type <> 'AccountOpened'
order by e.version
"""


def open_account(store: Store, amount: int) -> uuid.UUID:
    account = uuid.uuid4()
    with store.connect() as connection:
        connection.execute(
            "select evident.append_event(%s, 'AccountOpened', '{}', 0)", [account]
        )
        deposit(connection, account, amount)
    return account


def deposit(connection: Connection, account: uuid.UUID, amount: int) -> None:
    connection.execute(
        "select evident.append_event("
        "%s, 'MoneyDeposited', jsonb_build_object('amount', %s::integer))",
        [account, amount],
    )


def withdraw(
    connection: Connection,
    account: uuid.UUID,
    amount: int,
    event_id: uuid.UUID | None = None,
) -> int | str | None:
    """Call the command once; give the version, or the SQLSTATE of the refusal."""
    try:
        row = connection.execute(
            "select shop.withdraw(%s, %s, %s)", [account, amount, event_id]
        ).fetchone()
    except psycopg.Error as error:
        return error.sqlstate
    assert row is not None
    return int(row[0])


def teller(
    store: Store, account: uuid.UUID, level: IsolationLevel | None, seed: int
) -> Counter[str]:
    """Serve customers, each one until decided; count the outcomes and the money."""
    rng = random.Random(seed)
    done: Counter[str] = Counter()
    with store.connect(level) as connection:
        for _ in range(25):
            amount = rng.randint(1, 9)
            if rng.random() < 0.2:
                deposit(connection, account, amount)
                done["deposited"] += amount
                continue
            while (outcome := attempt(connection, account, amount)) in AGAIN:
                done["again"] += 1
            if isinstance(outcome, int):
                done["withdrawn"] += amount
            else:
                done[str(outcome)] += 1
    return done


def attempt(
    connection: Connection, account: uuid.UUID, amount: int
) -> int | str | None:
    """Withdraw in a transaction of its own, at the connection's isolation level."""
    try:
        with connection.transaction():
            outcome = withdraw(connection, account, amount)
            if isinstance(outcome, str):
                raise psycopg.Rollback
    except psycopg.errors.SerializationFailure:
        return "40001"
    return outcome


def rush(
    store: Store, rng: random.Random, level: IsolationLevel | None = None
) -> tuple[uuid.UUID, Counter[str]]:
    """Let all tellers serve one account, which has far too little for everybody."""
    account = open_account(store, 50)
    seeds = [rng.getrandbits(32) for _ in range(TELLERS)]
    counts = together([lambda s=s: teller(store, account, level, s) for s in seeds])
    total = sum(counts, Counter({"deposited": 50}))
    print(dict(total))
    return account, total


def overdraft_violations(
    observer: Observer, account: uuid.UUID, total: Counter[str]
) -> list[str]:
    found = [
        f"version {version}: the balance is {balance}"
        for version, balance in observer.execute(BALANCES, [account]).fetchall()
        if balance < 0
    ]
    row = observer.execute(
        "select b.balance from shop.account_balance as b where b.aggregate_id = %s",
        [account],
    ).fetchone()
    assert row is not None
    if total["deposited"] - total["withdrawn"] != row[0]:
        found.append(f"{dict(total)} leave a balance of {row[0]}")
    drift = observer.execute(
        "select v.* from evident.verify_projection('shop.account_balance') as v"
    ).fetchall()
    return found + [f"drift: {each}" for each in drift]


@pytest.mark.parametrize(
    "level",
    [
        IsolationLevel.READ_COMMITTED,
        IsolationLevel.REPEATABLE_READ,
        IsolationLevel.SERIALIZABLE,
    ],
)
def test_tellers_at_once_never_overdraw_an_account(
    store: Store, observer: Observer, rng: random.Random, level: IsolationLevel
) -> None:
    account, total = rush(store, rng, level)
    assert overdraft_violations(observer, account, total) == []
    assert total["withdrawn"] > 0
    assert total["PT402"] > 0
    assert total["again"] > 0
    assert set(total) <= {"deposited", "withdrawn", "again", "PT402"}


def test_whoever_was_slower_decides_anew(store: Store, observer: Observer) -> None:
    account = open_account(store, 10)
    with store.connect() as quick, store.connect() as slow:
        quick.execute("begin")
        assert withdraw(quick, account, 7) == 3
        waiting = Background(lambda: withdraw(slow, account, 7))
        wait_until_blocked(observer, slow)
        quick.execute("commit")
        assert waiting.result() == "PT409"
        assert withdraw(slow, account, 7) == "PT402"
        assert withdraw(slow, account, 3) == 4


def test_a_request_that_is_sent_twice_at_once_takes_the_money_once(
    store: Store, observer: Observer
) -> None:
    account, request = open_account(store, 10), uuid.uuid4()
    with store.connect() as first, store.connect() as second:
        first.execute("begin")
        assert withdraw(first, account, 10, request) == 3
        waiting = Background(lambda: withdraw(second, account, 10, request))
        wait_until_blocked(observer, second)
        first.execute("commit")
        assert waiting.result() == 3
    total = Counter({"deposited": 10, "withdrawn": 10})
    assert overdraft_violations(observer, account, total) == []


@pytest.mark.twin_of(8)
def test_a_command_that_appends_at_any_version_is_caught(
    store: Store, observer: Observer, rng: random.Random, twin: Twin
) -> None:
    twin("any_version_withdrawal")
    assert first_violations(lambda: overdraft_violations(observer, *rush(store, rng)))
