"""Read models for tests that want more than the example's, and their drift."""

from __future__ import annotations

from pathlib import Path

from support.calls import Connection

SQL = Path(__file__).with_name("read_models.sql")
DRIFT = """
select p.name, d.key, d.stored, d.replayed
from evident.projection as p
cross join lateral evident.verify_projection(p.name) as d
"""


def make_read_models(connection: Connection) -> None:
    """Make shop.types (kept), shop.amounts (run) and shop.spare (unregistered).

    An event without an amount has no row in shop.amounts, and one whose amount is
    no number parks its aggregate there. The connection is a superuser's.
    """
    with connection.transaction():
        connection.execute(SQL.read_bytes())


def drift(connection: Connection) -> list[tuple[object, ...]]:
    """Give each row of each registered read model that is not what its log says."""
    return connection.execute(DRIFT).fetchall()
