"""Events about the store: believed in its own stream alone, and told in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pg_evident.verifier.formats.own_events import MOST_NOTES
from support.checkers.judging import is_clean, judge
from support.models import exports
from support.models.exports import Event

pytestmark = pytest.mark.promise(23, 27)

NIL = "00000000-0000-0000-0000-000000000000"


def own(kind: str, payload: dict[str, object], aggregate: str = NIL) -> Event:
    return {
        "event_type": kind,
        "payload": json.dumps(payload),
        "aggregate_id": aggregate,
    }


def told(events: list[Event], tmp_path: Path) -> list[str]:
    """Export these events of the store, between others; give the notes about them."""
    base = exports.make_events(len(events) + 10)
    for place, each in enumerate(events):
        base[place] = {**base[place], **each}
    export = exports.make_export(renumbered(base))
    report = judge(exports.write_export(export, tmp_path / "export"))
    assert is_clean(report)
    return [each for each in report.notes if not each.startswith("no checkpoint kept")]


def renumbered(events: list[Event]) -> list[Event]:
    versions: dict[str, int] = {}
    for each in events:
        name = each["aggregate_id"]
        each["version"] = versions[name] = versions.get(name, 0) + 1
    return events


def test_the_newest_come_first_and_empty_ones_last(tmp_path: Path) -> None:
    notes = told(
        [
            own("GuardChanged", {"added": [1, 2], "removed": []}),
            own("GuardChanged", {"added": [], "removed": []}),
            own("IncarnationBegun", {"incarnation": 2, "reason": "a restore"}),
            own("GuardChanged", {"added": [1], "removed": [1]}),
            own("SequencesRepaired", {"reason": "a switch"}),
        ],
        tmp_path,
    )
    assert [each.partition(" (line")[0] for each in notes] == [
        "SequencesRepaired: a switch",
        "guards changed: 1 added, 1 removed",
        "incarnation 2 began: a restore",
        "guards changed: 2 added, 0 removed",
        "guards changed: 0 added, 0 removed",
    ]


@pytest.mark.parametrize("aggregate", [exports.LOG_ID, NIL[:-1] + "1"])
def test_no_other_aggregate_speaks_for_the_store(
    aggregate: str, tmp_path: Path
) -> None:
    false = own("IncarnationBegun", {"incarnation": 9, "reason": "x"}, aggregate)
    assert told([false], tmp_path) == []


def test_a_flood_drives_nothing_out_and_is_counted(tmp_path: Path) -> None:
    flood = [own("GuardChanged", {"added": [], "removed": []})] * (MOST_NOTES + 50)
    first = own("IncarnationBegun", {"incarnation": 2, "reason": "the real one"})
    notes = told([first, own("GuardChanged", {"added": [1]}), *flood], tmp_path)
    assert notes[0].startswith("guards changed: 1 added")
    assert notes[1].startswith("incarnation 2 began: the real one")
    assert len(notes) == MOST_NOTES + 3
    assert notes[-1] == "50 older events of the store about itself, not shown"


@pytest.mark.parametrize(
    "payload", ["[]", "7", "NaN", '{"incarnation": 1e99}', "{", '{"reason": [1]}']
)
def test_a_payload_of_another_form_is_shown_and_crashes_nothing(
    payload: str, tmp_path: Path
) -> None:
    event = {**own("IncarnationBegun", {}), "payload": payload}
    (note,) = told([event], tmp_path)
    assert note.startswith("incarnation None began: ")
