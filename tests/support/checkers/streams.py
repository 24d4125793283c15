"""Check that the versions of each aggregate are 1, 2, 3, ... and nothing else."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable

from support.clients.store import Logged


def stream_violations(log: Iterable[Logged]) -> list[str]:
    """Name each aggregate whose versions have a gap or a duplicate."""
    versions: dict[uuid.UUID, list[int]] = defaultdict(list)
    for event in log:
        versions[event.aggregate].append(event.version)
    found = []
    for aggregate, stream in versions.items():
        repeated = len(stream) - len(set(stream))
        missing = set(range(1, max(stream) + 1)) - set(stream)
        if repeated:
            found.append(f"{aggregate}: {repeated} versions stored twice")
        if missing:
            found.append(f"{aggregate}: versions missing: {sorted(missing)[:5]}")
    return found
