"""Promises 14 and 15: a name is a name, whatever SQL it looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from report.evidence import Figures
from support.clients.odd_life import KINDS, Life
from support.clients.odd_names import CANARY, SHORT, Model, odd_models, set_out_canary
from support.clients.store import Store
from support.seeds import FULL, IS_SECOND, SEED

pytestmark = pytest.mark.promise(14, 15)

Observer = psycopg.Connection[Any]

# Names that are SQL where they are not quoted: a statement more, behind the first.
HARMFUL = [
    Model(table=f"a; drop table {CANARY}; --"),
    Model(table=f"a'; drop table {CANARY}; --"),
    Model(key=f"k$step$; drop table {CANARY}; --"),
]


def chosen(kind: str) -> list[Model]:
    """Take some read models for each kind, others for each seed."""
    models, kinds = list(odd_models()), list(KINDS)
    step = 3 if FULL else 48 if IS_SECOND else 24
    some = models[(SEED + 3 * kinds.index(kind)) % step :: step]
    # Two that went wrong once.
    return some + [each for each in models if each.key in ("$step$", "v_row")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_projection_lives_under_any_name(
    store: Store, observer: Observer, figures: Figures, kind: str
) -> None:
    set_out_canary(observer)
    models = chosen(kind)
    with store.connect() as user:
        user.execute("set client_min_messages = error")
        for number, model in enumerate(models):
            # A type of its own, for the events of the others are still in the log.
            event_type = f"{SHORT[number % len(SHORT)]} {number}"
            assert Life(observer, user, model, kind, event_type).violations() == []
    figures.add(projections_under_odd_names=len(models), injected_statements=0)


@pytest.mark.twin_of(14)
@pytest.mark.parametrize(
    "broken", ["careless_rebuild", "careless_drop", "bodies_between_dollars"]
)
def test_a_name_that_is_not_quoted_is_caught(
    store: Store, observer: Observer, twin: Callable[[str], None], broken: str
) -> None:
    set_out_canary(observer)
    twin(broken)
    with store.connect() as user:
        found = [
            each
            for model in HARMFUL
            for each in Life(observer, user, model, "kept").violations()
        ]
    assert found
    print(f"caught: {found[0]}")
    if broken.startswith("careless"):
        assert any(each.startswith("the canary is gone") for each in found)
