"""No call of the store is compiled: that takes longer than any of its statements.

Before PostgreSQL 18 a plan that enable_seqscan = off cannot avoid looks so dear that it
is always compiled, for a tenth of a second and more.
"""

from __future__ import annotations

import pytest

from conftest import Database
from support.clients.every_call import CALLS, call_all
from support.models.read_models import make_read_models

# Each statement within a function tells its plan, and whether it was compiled.
EXPLAIN = """
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_analyze = on;
set auto_explain.log_timing = off;
set client_min_messages = log;
"""
JIT = "\nJIT:"


def compiled(db: Database) -> list[str]:
    """Call every public function on each of its paths; name those that compile."""
    connection = db.connect(autocommit=True)
    available = connection.execute("select pg_jit_available()").fetchone()
    if available != (True,):
        pytest.skip("this server cannot compile")
    make_read_models(connection)
    connection.execute(EXPLAIN)
    plans: list[str] = []
    connection.add_notice_handler(lambda said: plans.append(str(said.message_primary)))
    found = []
    for name, calls in CALLS.items():
        before = len(plans)
        call_all(connection, calls)
        found += [f"{name}: {each[:300]}" for each in plans[before:] if JIT in each]
    assert len(plans) > len(CALLS), "the server tells no plans"
    return found


def test_no_call_is_compiled(db: Database) -> None:
    assert compiled(db) == []


def test_a_look_at_the_sequence_that_is_compiled_is_caught(db: Database) -> None:
    db.connect(autocommit=True).execute(
        "alter function evident._refuse_behind(boolean) reset jit"
    )
    assert any(each.startswith("stamp_position: ") for each in compiled(db))
