"""Read models for tests that want more than the example's."""

from __future__ import annotations

from pathlib import Path

from support.clients.calls import Connection

SQL = Path(__file__).with_name("read_models.sql")


def make_read_models(connection: Connection) -> None:
    """Make shop.types (kept), shop.amounts (run) and shop.spare (unregistered).

    An event without an amount has no row in shop.amounts, and one whose amount is
    no number parks its aggregate there. The connection is a superuser's.
    """
    with connection.transaction():
        connection.execute(SQL.read_bytes())
