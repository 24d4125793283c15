"""A log that grows, and a publisher of it who may do nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pg_evident.ledger import keys
from pg_evident.ledger.publish import Publisher, publish
from pg_evident.verifier.formats import note
from support.clients.calls import Connection
from support.clients.store import Connectable

AUDITOR = "evident_test_auditor"
AUDITOR_SQL = f"create role {AUDITOR} login in role evident_auditor"
APPEND = """
select evident.append_event(gen_random_uuid(), 'Noted', '{}')
from generate_series(1, %s)
"""
# What an owner or superuser can do to the guards.
DISARM = """
alter table evident.event_store disable trigger all;
alter table evident.ledger_tile disable trigger all;
alter table evident.tree_head disable trigger all;
alter table evident.log_identity disable trigger all;
"""


@dataclass
class Outside:
    """What is kept outside the database: a key, a directory, and what was said."""

    publisher: Publisher
    said: list[str] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        return self.publisher.directory

    def publish(
        self,
        database: Connectable,
        accepted: int | None = None,
        *,
        new_directory: bool = False,
    ) -> str | None:
        """Publish as the auditor; give the name of the new file, if there is one.

        `accepted` is the incarnation that a person accepts, and `new_directory` what
        he says of a directory without checkpoints.
        """
        self.said.clear()
        path = publish(
            auditor_dsn(database),
            self.publisher,
            accepted,
            new_directory=new_directory,
        )
        return path.name if path else None

    def files(self) -> dict[str, str]:
        """Give all files of the directory but the lock, whatever they are."""
        return {
            each.name: each.read_text()
            for each in sorted(self.directory.iterdir())
            if each.name != ".lock"
        }


def outside(folder: Path) -> Outside:
    """Make a key in a folder, and name a directory there that does not exist yet."""
    said: list[str] = []
    key = keys.make_key("tests.example/log", folder / "key")
    return Outside(Publisher(key, folder / "checkpoints", said.append), said)


def auditor_dsn(database: Connectable) -> str:
    return database.dsn.replace("postgres@", f"{AUDITOR}@")


def grow(owner: Connection, events: int) -> int:
    """Append events and seal all there is; give the size of the tree."""
    owner.execute(APPEND, [events])
    owner.execute("select evident.seal()")
    return tree_size(owner)


def tree_size(owner: Connection) -> int:
    row = owner.execute(
        "select h.tree_size from evident.tree_head as h order by h.number desc limit 1"
    ).fetchone()
    assert row is not None
    return int(row[0])


def published(owner: Connection) -> list[tuple[int, int]]:
    """List incarnation and size of the checkpoints that the database knows."""
    return owner.execute(
        "select p.incarnation, p.tree_size from evident.ledger_publication as p"
        " order by p.number"
    ).fetchall()


def rewrite(owner: Connection) -> None:
    """Change the first event and seal all history anew, as an owner can."""
    owner.execute(DISARM)
    owner.execute(
        "update evident.event_store as e set payload = '{\"forged\": true}'"
        " where e.id = (select min(f.id) from evident.event_store as f)"
    )
    owner.execute("truncate evident.ledger_tile, evident.tree_head")
    owner.execute(
        "insert into evident.tree_head (number, tree_size, root_hash, last_event_id)"
        " values (1, 0, sha256(''), 0)"
    )
    owner.execute("update evident.ledger_state set head_number = 1")
    owner.execute("select evident.seal()")


def check_directory(kept: Outside) -> None:
    """Assert that all that is shown is whole, signed, and shown under its name."""
    trusted = note.load_keys([kept.publisher.key.vkey])
    files = kept.files()
    for name, text in files.items():
        if name.startswith("."):
            continue
        parsed = note.parse_note(text.encode())
        assert note.check_signature(parsed, trusted)[0] == note.TRUSTED
        head = note.parse_checkpoint(parsed.text)
        numbered = f"{head.incarnation:06}-{head.size:012}.checkpoint"
        assert files[numbered] == text
        assert name in (numbered, "checkpoint")
