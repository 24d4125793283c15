"""What Evident promises, and what shows that a promise is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """One promise; `tells` is what its check has to tell apart from a broken variant.

    A promise without `tells` has no broken variant: its check knows the right answers.
    """

    number: int
    text: str
    passes: str
    tells: str | None


PROMISES = [
    Promise(
        1,
        "An acknowledged append survives a crash.",
        "no acknowledged event lost, the others all or nothing",
        "synchronous_commit = off",
    ),
    Promise(
        2,
        "One event per aggregate and version; versions 1 to n without a gap.",
        "no duplicate, no gap",
        "a function without a unique key",
    ),
    Promise(
        3,
        "Optimistic concurrency is linearizable per aggregate, at every level.",
        "no anomaly in any history",
        "check, then insert",
    ),
    Promise(
        4,
        "A batch over several aggregates is atomic and never deadlocks with another.",
        "all or nothing, no 40P01",
        "locks in the order of the entries",
    ),
    Promise(
        5,
        "A retry with the same event_id makes no second event.",
        "the same answer, one event; other content is PT422",
        "requests without event_id",
    ),
    Promise(
        6,
        "The feed neither skips nor reorders.",
        "what each reader consumed is the final log",
        "where id > last",
    ),
    Promise(
        7,
        "An unrelated long transaction does not hold the feed back, and one that does"
        " is shown.",
        "lag below one second; what waits is counted, by whoever may monitor",
        "a horizon of transaction ids",
    ),
    Promise(
        8,
        "A projection is the replay of its events.",
        "the drift check finds nothing, whoever is killed; a parked key stops no other",
        "a checkpoint in a transaction of its own; parked keys that refuse nothing",
    ),
    Promise(
        9,
        "A rebuild loses nothing while appends go on.",
        "the drift check finds nothing, no append fails",
        "a copy without the last lock",
    ),
    Promise(
        10,
        "Nobody but the owner can change history.",
        "a documented SQLSTATE, the digest of the history unchanged",
        "a guard that is not enabled always",
    ),
    Promise(
        11,
        "What the owner changes is detected.",
        "each attack shows where the matrix says, and nowhere else",
        "a verifier that skips values",
    ),
    Promise(
        12,
        "Proofs are right and strict.",
        "equal to a naive tree at all sizes, every mutation refused",
        "a verifier that does not check the length",
    ),
    Promise(
        13,
        "Verification does not depend on server, version or settings.",
        "equal hashes",
        "a hash of occurred_at::text",
    ),
    Promise(
        14,
        "Functions cannot be hijacked.",
        "nothing of the caller's runs as the owner",
        "a search_path that is not pinned",
    ),
    Promise(
        15,
        "Any input ends in success or in a documented error.",
        "no other SQLSTATE, nothing half-written",
        None,
    ),
    Promise(
        16,
        "A failover loses nothing that was acknowledged synchronously.",
        "none lost (synchronous), a reported suffix (asynchronous)",
        "an asynchronous standby that is called synchronous",
    ),
    Promise(
        17,
        "Dump, restore, recovery and upgrade keep everything usable.",
        "no event hidden or repeated, hashes equal",
        "a feed by stored transaction id",
    ),
    Promise(
        18,
        "Transaction poolers are fine.",
        "the same results as without",
        "an advisory lock of the session",
    ),
    Promise(
        19,
        "Timeouts, cancels and kills leave nothing half-done.",
        "57014, 55P03 or a lost connection; nothing half-written",
        None,
    ),
    Promise(
        20,
        "A full disk is an error, not a loss.",
        "53100 or a crash and recovery, no false acknowledgement",
        None,
    ),
    Promise(
        21,
        "No content of an event can stop appends, feed, seal, export or dump.",
        "refused in little memory, or stored and carried by all of them",
        "a limit on the stored size",
    ),
    Promise(
        22,
        "A replaced history never verifies clean.",
        "replaced or refused, and the leaves named",
        "a publisher and a verifier that take an incarnation's word",
    ),
    Promise(
        23,
        "The store's own stream holds what the store wrote, and cannot stop it.",
        "PT403 for all others; seal, feed and append continue",
        "an own stream that is open to writers",
    ),
    Promise(
        24,
        "Nothing is trusted by its name.",
        "refused, with the owner named; nothing foreign runs",
        "a look-up by name alone",
    ),
    Promise(
        25,
        "Guard status is never silent about a change.",
        "each change shows as not intact, and as GuardChanged",
        "a status without a baseline",
    ),
    Promise(
        26,
        "No login without rights can stop work unseen, or any evidence.",
        "the holder is shown; seal, feed and own events continue",
        "a sealer that waits for an advisory lock",
    ),
    Promise(
        27,
        "No file or text that comes in can mislead a person or crash a tool.",
        "one of the verdicts, nothing opened outside, no raw control character",
        "text that is shown as it came",
    ),
    Promise(
        28,
        "Equal keys and equal events give equal rows, whatever the session.",
        "the read model equals a fold in Python, the drift check finds nothing",
        "keys and settings as the session has them",
    ),
    Promise(
        29,
        "A store that was copied in part is an error with a way out.",
        "each call ends, in a documented way; nothing is hidden, nothing stored below",
        "a feed that ends where its sequence does",
    ),
    Promise(
        34,
        "Nothing that waits makes appends wait without limit.",
        "each append ends within the bound, beside any lock of an application",
        "a rebuild that waits for a row of its read model",
    ),
    Promise(
        35,
        "Locale, encoding, pooler and standby change no answer.",
        "the same rows, hashes and definitions; nothing left in a shared session",
        "text in the order of the database",
    ),
]
