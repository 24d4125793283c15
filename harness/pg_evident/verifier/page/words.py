"""What a verification did, and what none can find out."""

from __future__ import annotations

from ..findings import UNREADABLE
from ..formats.note import TRUSTED
from ..kept import AGREES, DIFFERS, GIVEN_UP, NOT_REPRODUCED
from ..report import Report

NOT_KNOWN = (
    "Whether what was recorded is true: false data through valid credentials looks like"
    " any other data.",
    "Whether something was never recorded at all.",
    "Whether an event was changed before it was first sealed, unless its writer kept a"
    " receipt.",
    "Whether the owner of the database, the holder of the signing key and every keeper"
    " of a checkpoint acted together.",
)
NONE_KEPT = (
    "Whether all of history was rewritten and signed anew: no checkpoint that somebody"
    " kept outside was given to compare with."
)


def not_known(report: Report) -> list[str]:
    """Say what remains unknown, whatever the verdict."""
    lines = list(NOT_KNOWN)
    if report.event_id is None and not report.kept:
        lines.insert(0, NONE_KEPT)
    return lines


def checked(report: Report) -> list[str]:
    """Say what was done, in sentences; only what was done."""
    own = report.own
    if own is None:
        return []
    lines = []
    if own.trust == TRUSTED:
        lines.append(f"The signature of {', '.join(own.signers)} over the checkpoint.")
    if report.event_id is not None:
        return [
            *lines,
            "The leaf hash of the event, built from its fields.",
            "The inclusion proof, from this leaf to the signed root.",
        ]
    tiles = "What there is of the tiles"
    if not report.found.counts[UNREADABLE]:
        tiles = "All tiles"
    judged = (AGREES, DIFFERS, NOT_REPRODUCED, GIVEN_UP)
    compared = sum(each.status in judged for each in report.kept)
    lines += [
        f"{report.checked:,} events, encoded anew from events.ndjson and compared with"
        " the stored entries and leaf hashes.",
        f"{tiles}, rebuilt at every level, and the root over them.",
        f"{compared:,} checkpoints from outside, each against the root at its size.",
        f"{report.heads:,} tree heads of the database.",
        f"Versions 1 to n of {report.aggregates:,} aggregates; ascending ids.",
    ]
    if report.earlier is not None:
        lines.append("Each leaf of the earlier export.")
    return lines
