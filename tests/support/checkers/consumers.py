"""Check what the workers of a consumer got and confirmed, against the final log."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence

from support.clients.consumer_workers import Claim, Delivered
from support.clients.store import Logged


def consumer_violations(claims: Sequence[Claim], log: Sequence[Logged]) -> list[str]:
    """Name what was skipped, confirmed twice or by a fenced worker, or out of order.

    What is confirmed is what an answer said; an attempt whose answer was lost twice
    leaves its events open.
    """
    return [
        *_not_the_log(claims, log),
        *_refused(claims),
        *_confirmed_twice(claims),
        *_fenced_in_vain(claims),
        *_out_of_order(claims),
    ]


def _confirmed(claim: Claim, *outcomes: str | None) -> list[Delivered]:
    ends = [each.position for each in claim.confirmations if each.outcome in outcomes]
    return [event for event in claim.events if event.id <= max(ends, default=0)]


def _not_the_log(claims: Sequence[Claim], log: Sequence[Logged]) -> Iterator[str]:
    stored = {each.id for each in log}
    settled = {e.id for claim in claims for e in _confirmed(claim, "ok", None)}
    if missed := sorted(stored - settled):
        yield f"missed {len(missed)} of {len(stored)} events, first {missed[0]}"
    given = {event.id for claim in claims for event in claim.events}
    if unknown := sorted(given - stored):
        yield f"gave {len(unknown)} events that are not stored: {unknown[:5]}"


def _refused(claims: Sequence[Claim]) -> Iterator[str]:
    for claim in claims:
        for each in claim.confirmations:
            if each.outcome not in ("ok", "PT423", None):
                yield f"epoch {claim.epoch}: confirming {each.position} {each.outcome}"


def _confirmed_twice(claims: Sequence[Claim]) -> Iterator[str]:
    by: dict[int, int] = {}
    for claim in sorted(claims, key=lambda each: each.epoch):
        for event in _confirmed(claim, "ok"):
            if event.id in by:
                yield f"event {event.id} confirmed by {by[event.id]} and {claim.epoch}"
                return
            by[event.id] = claim.epoch


def _fenced_in_vain(claims: Sequence[Claim]) -> Iterator[str]:
    """Name a confirmation that began when a later claim had been answered."""
    later: dict[int, list[Claim]] = defaultdict(list)
    for claim in claims:
        later[claim.partition].append(claim)
    for partition in later.values():
        fence = float("inf")
        for claim in sorted(partition, key=lambda each: -each.epoch):
            for each in claim.confirmations:
                if each.outcome == "ok" and each.invoked > fence:
                    yield f"epoch {claim.epoch} confirmed after it was fenced"
                    return
            fence = min(fence, claim.returned)


def _out_of_order(claims: Sequence[Claim]) -> Iterator[str]:
    """Name an event given before the one that precedes it was dealt with."""
    begun: dict[tuple[uuid.UUID, int], float] = {}
    for claim in claims:
        for event in claim.events:
            for each in claim.confirmations:
                if event.id <= each.position and each.outcome in ("ok", None):
                    key = (event.aggregate, event.version)
                    begun[key] = min(begun.get(key, float("inf")), each.invoked)
    for claim in claims:
        within: set[tuple[uuid.UUID, int]] = set()
        for event in claim.events:
            before = (event.aggregate, event.version - 1)
            is_first = event.version == 1 or before in within
            if not is_first and begun.get(before, float("inf")) > claim.returned:
                yield f"version {event.version} given before {event.version - 1}"
                return
            within.add((event.aggregate, event.version))
