"""What the engine itself says of its read models."""

from __future__ import annotations

from support.clients.calls import Connection

DRIFT = """
select p.name, d.key, d.stored, d.replayed
from evident.projection as p
cross join lateral evident.verify_projection(p.name) as d
"""
SORTED = f"{DRIFT} where %s::text is null or p.name = %s order by p.name, d.key"


def drift(connection: Connection, name: str | None = None) -> list[str]:
    """Name the keys whose row is not what the log says, of one projection or all."""
    rows = connection.execute(SORTED, [name, name]).fetchall()
    return [f"{name} {key}: {stored} not {new}" for name, key, stored, new in rows]
