"""The commands for the ledger: keygen, publish, seal, export, prove."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from pg_evident.cli.parts import LONGEST, Dsn, say
from pg_evident.cli.target import resolve_dsn
from pg_evident.verifier.text import plain

VerifierKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        help="Verifier key of the publisher, or its file: take the newest checkpoint"
        " that it signed.",
    ),
]
UNSIGNED = (
    "no --key was given: the newest checkpoint on record was taken, and nobody checked"
    " its signature"
)


def keygen(
    name: Annotated[
        str | None,
        typer.Option("--name", help="Such as example.com/orders; no spaces, no +."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new file for the private key.")
    ] = None,
    show: Annotated[
        Path | None,
        typer.Option("--show", help="Print the verifier key of this private key."),
    ] = None,
) -> None:
    """Make a key that signs checkpoints, and print its verifier key.

    The verifier key, also in FILE.vkey, is what auditors need. The private key never
    goes into the database. EVIDENT_KEY_PASSPHRASE, where set, encrypts it.
    """
    from pg_evident.ledger import keys

    if show is not None and out is None:
        print(plain(keys.load_key(show, name).vkey))
    elif show is None and out is not None and name is not None:
        print(plain(keys.make_key(name, out).vkey))
        say(f"the private key is in {out}, the verifier key in {keys.vkey_path(out)}")
    else:
        raise typer.BadParameter("give --name and --out, or --show")


def publish(
    key: Annotated[
        Path, typer.Option("--key", help="The private key, from evident keygen.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="Directory of checkpoints; away from the database."),
    ],
    every: Annotated[
        float | None,
        typer.Option("--every", min=1, max=86400, help="Go on, so many seconds apart."),
    ] = None,
    earlier_key: Annotated[
        list[str] | None,
        typer.Option(
            "--earlier-key",
            help="Verifier key, or its file, that signed what is there already.",
        ),
    ] = None,
    accept_incarnation: Annotated[
        int | None,
        typer.Option(
            "--accept-incarnation",
            min=2,
            help="Sign the tree of this new incarnation once, whose newest published"
            " leaves may be gone.",
        ),
    ] = None,
    new_directory: Annotated[
        bool,
        typer.Option(
            "--new-directory",
            help="Sign once, although the directory lacks checkpoints that were"
            " published: they are lost, and not compared. A directory without any is"
            " taken in incarnation 1 only.",
        ),
    ] = False,
    dsn: Dsn = None,
) -> None:
    """Sign the newest tree head and write the checkpoint; print its file.

    Refuses a tree that does not continue the last checkpoint in the directory. After a
    restore or a failover that lost history, evident.begin_incarnation() begins another
    incarnation, and a person accepts it by its number: it may lack the newest leaves
    that were published, and is refused when it changed older ones. The directory is
    append-only; keep it in git if you like. One that lacks what was published is
    refused, unless a person says --new-directory.
    """
    from pg_evident import installed
    from pg_evident.ledger import keys
    from pg_evident.ledger import publish as publishing

    if every is not None and accept_incarnation is not None:
        raise typer.BadParameter(publishing.NO_PERSON.format("--accept-incarnation"))
    if every is not None and new_directory:
        raise typer.BadParameter(publishing.NO_PERSON.format("--new-directory"))
    publisher = publishing.Publisher(keys.load_key(key), out, say, earlier_key or [])
    target = resolve_dsn(dsn)
    installed.require_installed(target)
    if every is None:
        path = publishing.publish(
            target, publisher, accept_incarnation, new_directory=new_directory
        )
        _published(path)
        return
    publishing.publish_every(target, publisher, every, _published_or_silent)


def _published(path: Path | None) -> None:
    if path is None:
        say("nothing new: the newest tree head is published")
    else:
        print(plain(path, LONGEST), flush=True)


def _published_or_silent(path: Path | None) -> None:
    if path is not None:
        print(plain(path, LONGEST), flush=True)


def seal(
    max_events: Annotated[
        int,
        typer.Option(
            "--max-events", min=1, max=10_000_000, help="Events in one transaction."
        ),
    ] = 50_000,
    dsn: Dsn = None,
) -> None:
    """Seal all new events into the ledger, as evident work does every few seconds."""
    from pg_evident import installed
    from pg_evident.ledger import progress
    from pg_evident.ledger import seal as sealing

    target = resolve_dsn(dsn)
    installed.require_installed(target)
    with progress.leaves() as (begin, advance):
        done = sealing.run(target, max_events, begin=begin, advance=advance, report=say)
    root = base64.b64encode(done.root).decode()
    text = f"sealed {done.events:,} events, tree of {done.size:,} leaves, root {root}"
    print(plain(text))


def export(
    directory: Annotated[
        Path, typer.Argument(help="A new directory, or one of an earlier export.")
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            help="A signed checkpoint of this log; default: the newest published one.",
        ),
    ] = None,
    key: VerifierKeys = None,
    dsn: Dsn = None,
) -> None:
    """Write the sealed log into a directory that evident verify can check offline.

    A static tlog-tiles log with the events beside it. Exporting again, or after an
    interruption, goes on where the last run ended.
    """
    from pg_evident import installed
    from pg_evident.export import run as exporting
    from pg_evident.ledger import progress, published

    keys = published.load_keys(key or [])
    target = resolve_dsn(dsn)
    installed.require_installed(target)
    with progress.leaves() as (begin, advance):
        done = exporting.run(
            target, directory, checkpoint, keys, begin=begin, advance=advance
        ).head
    say(f"{directory}: {done.size:,} leaves of {done.origin}")
    if keys is None and checkpoint is None:
        say(UNSIGNED)


def prove(
    event_id: Annotated[UUID, typer.Argument(help="The event_id of a sealed event.")],
    out: Annotated[
        Path, typer.Option("--out", help="Directory for the two files.")
    ] = Path(),
    key: VerifierKeys = None,
    dsn: Dsn = None,
) -> None:
    """Write the proof that an event is in the newest published checkpoint.

    EVENT_ID.tlog-proof and, beside it, the event itself in EVENT_ID.json: evident
    verify checks the two offline. Prints the file of the proof.
    """
    from pg_evident import installed
    from pg_evident.export import proof as proving
    from pg_evident.ledger import published

    keys = published.load_keys(key or [])
    target = resolve_dsn(dsn)
    installed.require_installed(target)
    print(plain(proving.run(target, event_id, out, keys), LONGEST))
    if keys is None:
        say(UNSIGNED)
