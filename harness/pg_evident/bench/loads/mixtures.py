"""The mixtures of reads and appends that are measured: the same work in four ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pg_evident.bench.loads.append import EVIDENT, NEW, OWN, RAW
from pg_evident.bench.loads.projection import BY_HAND, PAY, REPLACE
from pg_evident.bench.stage.read_model import HAND, MODEL
from pg_evident.bench.stage.schema import FILLED, STORE, TWIN

_ANY = "\\set number random(0, :aggregates - 1)\n"
_PLACE = "\\set after random(0, greatest(0, :events - 50))\n"
_READ = f"{_ANY}select e.* from evident.read_aggregate({FILLED}) as e;\n"
_BARE_READ = (
    f"{_ANY}select e.* from bench.event_store as e"
    f" where e.aggregate_id = {FILLED} order by e.version;\n"
)
_ROW = f"{_ANY}select t.* from {{model}} as t where t.aggregate_id = {FILLED};\n"
_PAGE = f"{_PLACE}select e.* from evident.read_feed(:after, 50) as e;\n"
_BARE_PAGE = (
    f"{_PLACE}select e.* from bench.event_store as e where e.id > :after"
    " order by e.id limit 50;\n"
)


@dataclass(frozen=True)
class Mixture:
    """The same work done in one way: scripts by their weight, over `table`."""

    name: str
    gives: str
    table: str
    scripts: Mapping[str, int]
    is_followed: bool = False


def mixtures() -> list[Mixture]:
    """Return the mixtures, 70 reads to 30 appends; bare tables are the first."""
    names = {"change": REPLACE, "aggregate": NEW, "version": "0"}
    paying = {"change": PAY, "aggregate": OWN, "version": ":v"}
    bare = {_BARE_READ: 30, _ROW.format(model=HAND): 30, _BARE_PAGE: 10}
    ours = {_READ: 30, _ROW.format(model=MODEL): 30, _PAGE: 10}

    def appends(command: str) -> dict[str, int]:
        created = command.format(**names).replace(":event_type", ":created")
        paid = command.format(**paying).replace(":event_type", ":paid")
        return {created: 15, f"{paid}\n\\set v :v + 1\n": 15}

    return [
        Mixture(
            "bare tables",
            "events only; the read model stays as it was",
            TWIN,
            bare | appends(RAW),
        ),
        Mixture(
            "bare, row by hand",
            "the row that this statement's author thought of; readers skip events",
            TWIN,
            bare | appends(BY_HAND),
        ),
        Mixture(
            "evident, events",
            "exact versions, readers skip nothing; no projection, no consumer",
            STORE,
            ours | appends(EVIDENT),
        ),
        Mixture(
            "evident, all",
            "one projection in the append, one behind it, a consumer that gets each"
            " event once",
            STORE,
            ours | appends(EVIDENT),
            is_followed=True,
        ),
    ]
