"""Show the store at work: real orders in, read models out, refusals explained."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from pg_evident.access.ownership import connect
from pg_evident.database import parameters
from pg_evident.demo import ledger as demo_ledger
from pg_evident.demo import projections as demo_projections
from pg_evident.demo.show import escape, refused, say, table
from pg_evident.intake.progress import import_file
from pg_evident.migrate.run import migrate
from pg_evident.places import DATA, ROOT, SHIPPED

ORDERS = DATA / "cdnow_sample.csv"

_NEWEST = """
    select o.ordered_on, o.amount, o.paid, o.status, o.aggregate_id
    from shop.orders_summary as o
    where o.customer_id = %s
    order by o.ordered_on desc, o.aggregate_id
    limit 5
"""
_MONTHS = """
    select
        to_char(date_trunc('month', o.ordered_on), 'YYYY-MM') as month,
        count(*) as orders,
        sum(o.paid) as revenue
    from shop.orders_summary as o
    group by date_trunc('month', o.ordered_on)
    order by date_trunc('month', o.ordered_on)
"""
_HISTORY = """
    select e.id, e.version, e.event_type, e.payload::text, e.recorded_by
    from evident.read_aggregate(%s) as e
"""
_STALE = """
    select evident.append_event(%s, 'ItemShipped', '{"carrier": "post"}', 1)
"""
_UPDATE = """
    update evident.event_store set payload = '{}' where aggregate_id = %s
"""


def run(dsn: str, parts: int = 3) -> None:
    """Migrate, import the sample orders, and print what the store makes of them.

    `parts` is how many: the store, the projections, the ledger. A second run appends
    nothing: every event's id derives from the file.
    """
    console = Console(highlight=False, soft_wrap=True)
    say(console, 1, "Migrations, engine and example domain")
    applied = migrate(dsn, examples=True)
    done = ", ".join(applied) or "nothing was pending"
    console.print(f"   applied: {escape(done)}")

    say(console, 2, "6,919 purchases of the shop CDNOW become events")
    tally = import_file(dsn, ORDERS, orders=True, batch_size=500, quiet=True)
    console.print(
        f"   {tally.appended:,} appended, {tally.already_there:,} already there, in"
        f" {tally.seconds:.1f} s: {tally.events_per_second:,.0f} events/s, read model"
        " included"
    )

    with connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "select o.customer_id from shop.orders_summary as o"
            " group by o.customer_id order by count(*) desc, 1 limit 1"
        ).fetchone()
        assert row is not None
        say(console, 3, f"The newest orders of customer {row[0]}")
        newest = table(console, connection, _NEWEST, [row[0]])
        say(console, 4, "Revenue by month, from the read model")
        _bars(console, connection.execute(_MONTHS).fetchall())

        order = next(each[-1] for each in newest if each[3] == "paid")
        say(console, 5, f"The history of order {order}")
        table(console, connection, _HISTORY, [order])

        say(console, 6, "A writer that has seen version 1 only is refused")
        refused(console, connection, _STALE, [order])
        say(console, 7, "History cannot be rewritten")
        refused(console, connection, _UPDATE, [order])

        if parts > 1:
            demo_projections.show(console, connection, order, first=8)

    if parts > 2:
        demo_ledger.show(console, dsn, order, first=13)
    _goodbye(console, dsn)


def _bars(console: Console, rows: list[tuple[Any, ...]]) -> None:
    """Print (month, orders, revenue) as bars that are comparable at a glance."""
    most = max(row[2] for row in rows)
    for month, orders, revenue in rows:
        bar = "█" * max(1, round(40 * revenue / most))
        console.print(f"   {month}  {revenue:>10,.2f} USD  {orders:>5,}  [cyan]{bar}")


def _goodbye(console: Console, dsn: str) -> None:
    from pg_evident.server import kept as server

    console.print(f"\nLook around:  psql '{escape(_without_password(dsn))}'")
    if server.status() is not None:
        command = ".venv/bin/evident" if SHIPPED is ROOT else "evident"
        console.print(f"Stop the server, data stays:  {command} down")


def _without_password(dsn: str) -> str:
    given = parameters(dsn)
    given.pop("password", None)
    return " ".join(f"{key}={value}" for key, value in given.items())
