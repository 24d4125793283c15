"""Each loop of PL/pgSQL has an end that does not depend on rows being there."""

from __future__ import annotations

import pytest

from pg_evident.places import ROOT
from pg_evident.workshop.check.loops import check_loops
from pg_evident.workshop.layout import FUNCTIONS


def loops(body: str) -> list[int]:
    """Give the lines of a function's body in which a loop has no end."""
    return [each.line for each in check_loops("sql/functions/x.sql", body)]


@pytest.mark.promise(29)
def test_every_loop_of_the_sources_has_an_end() -> None:
    for path in sorted((ROOT / FUNCTIONS).rglob("*.sql")):
        assert list(check_loops(path.name, path.read_text())) == [], path.name


@pytest.mark.parametrize(
    "head",
    [
        "for v_try in 1..100 loop",
        "for v_row in\n    select case when true then 1 else 2 end as n\nloop",
        "for v_a, v_b in execute v_sql loop",
        "foreach v_name in array v_names loop",
        "-- Ends: at the timeout,\n-- by the clock.\nwhile not v_is_done loop",
        "-- Ends: one partition less each time.\nloop",
    ],
)
def test_a_loop_over_what_is_finite_or_explained_is_fine(head: str) -> None:
    assert loops(f"begin\n{head}\n    exit when found;\nend loop;\nend;\n") == []


@pytest.mark.twin_of(29)
@pytest.mark.parametrize(
    "head",
    [
        "loop",
        "while v_size > 0 loop",
        "-- Ends soon.\nloop",
        "-- Ends: long before.\nv_level := 1;\nloop",
        "perform evident.seal() for update;\nloop",
    ],
)
def test_a_loop_without_an_end_is_found(head: str) -> None:
    """As the one by which the root of a tree without a size was looked for."""
    line = 2 + head.count("\n")
    assert loops(f"begin\n{head}\n    exit when v_size = 0;\nend loop;\nend;\n") == [
        line
    ]


@pytest.mark.twin_of(29)
def test_a_loop_inside_a_bounded_one_is_found() -> None:
    body = "for i in 1..3 loop\n    loop\n        exit;\n    end loop;\nend loop;"
    assert loops(body) == [2]
