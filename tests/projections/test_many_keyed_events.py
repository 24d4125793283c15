"""Promises 8 and 28: many keyed events, over 8 connections of odd settings."""

from __future__ import annotations

import random
import time
from typing import Any

import psycopg
import pytest
from psycopg import sql

from report.evidence import Figures
from support.checkers.projections import drift
from support.clients.keyed_work import MODELS, SLICES, work
from support.clients.store import Store
from support.models.drawn_models import differences
from support.seeds import scaled

EVENTS = scaled(4_000, 1_000_000)
COUNTED = "select coalesce(sum(t.n), 0) from drawn.{} as t"


@pytest.mark.promise(8, 28)
def test_each_acknowledged_event_is_counted_once_in_each_read_model(
    store: Store,
    observer: psycopg.Connection[Any],
    rng: random.Random,
    figures: Figures,
) -> None:
    done = work(store, observer, rng, EVENTS)
    print(f"{done.events} events in {done.seconds:.0f} s", dict(done.outcomes))
    row = observer.execute("select count(*) from evident.event_store").fetchone()
    assert row == (done.events,)
    assert done.rebuilds == 2 * SLICES * len(MODELS)
    started = time.monotonic()
    for model in MODELS:
        query = sql.SQL(COUNTED).format(sql.Identifier(model.short))
        assert observer.execute(query).fetchone() == (done.events,)
        assert differences(observer, model) == []
        assert drift(observer, model.name) == []
    print(f"checked in {time.monotonic() - started:.0f} s")
    figures.add(events=done.events, seconds=round(done.seconds), drift=0)
