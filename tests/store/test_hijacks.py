"""Promise 14: no function of the package runs what a caller has put in its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from conftest import Database
from pg_evident.places import ROOT
from report.evidence import Figures
from support.checkers.projections import drift
from support.clients.calls import Connection
from support.clients.every_call import CALLS, KNOWN, call_all
from support.models.read_models import make_read_models

pytestmark = pytest.mark.promise(14)

Observer = psycopg.Connection[Any]

TWINS = ROOT / "tests/support/twins"
LOGIN = "evident_test_hijacker"
HITS = "select s.last_value, s.is_called from hijack.{} as s"


@pytest.fixture
def attacker(db: Database, observer: Observer) -> Iterator[Connection]:
    """Give a login that may call everything and has placed everything it can."""
    make_read_models(observer)
    observer.execute(
        "create role evident_test_hijacker login in role"
        " evident_writer, evident_reader, evident_operator, evident_auditor"
    )
    observer.execute(f'grant create on database "{db.name}" to evident_test_hijacker')
    with db.connect(user="evident_test_hijacker", autocommit=True) as connection:
        connection.execute((TWINS / "hijack.sql").read_bytes())
        yield connection
    observer.execute("drop owned by evident_test_hijacker cascade")
    observer.execute("drop role evident_test_hijacker")


def call_in_fresh_session(db: Database, name: str) -> None:
    """Call one function where nothing is planned yet and everything is in its way."""
    with db.connect(user=LOGIN, autocommit=True) as connection:
        connection.execute((TWINS / "hijack_session.sql").read_bytes())
        call_all(connection, CALLS[name])


def hijack_violations(observer: Observer) -> list[str]:
    """Name which of the attacker's objects ran: as the owner, or as the caller."""
    found = []
    for name in ("hits_as_owner", "hits"):
        row = observer.execute(HITS.format(name)).fetchone()
        assert row is not None
        if row[1]:
            found.append(f"{row[0]} {name}")
    return found


@pytest.mark.usefixtures("attacker")
def test_nothing_of_the_callers_runs(
    db: Database, observer: Observer, figures: Figures
) -> None:
    for name in CALLS:
        call_in_fresh_session(db, name)
        assert hijack_violations(observer) == [], name
    # The calls were not in vain.
    row = observer.execute("select count(*) from evident.projection_skip").fetchone()
    assert row == (1,)
    assert drift(observer) == []
    figures.add(functions=len(CALLS))


def test_a_cast_of_the_callers_runs_as_the_caller_only(
    observer: Observer, attacker: Connection
) -> None:
    """The argument is the caller's own expression, evaluated before the call."""
    attacker.execute(
        "select evident.append_event(%s, 'Noted', row('x')::hijack.document)", [KNOWN]
    )
    assert hijack_violations(observer) == ["1 hits"]


# The body of append_events names nothing that is not in schema evident.
@pytest.mark.twin_of(14)
@pytest.mark.parametrize("name", ["append_event", "append_batch"])
@pytest.mark.parametrize("broken", ["unpinned_path", "half_pinned_path"])
@pytest.mark.usefixtures("attacker")
def test_an_unpinned_search_path_is_caught(
    db: Database,
    observer: Observer,
    twin: Callable[[str], None],
    broken: str,
    name: str,
) -> None:
    twin(broken)
    call_in_fresh_session(db, name)
    assert any("as_owner" in each for each in hijack_violations(observer))
