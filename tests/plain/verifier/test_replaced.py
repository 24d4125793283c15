"""A new incarnation may lose the newest events; it excuses nothing by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_evident.verifier import incarnations
from pg_evident.verifier.findings import REPLACED
from pg_evident.verifier.report import Report
from support.checkers.judging import is_clean, judge, texts
from support.models import exports
from support.models.exports import Event, Export, Log

pytestmark = pytest.mark.promise(22)

KEPT = (100, 200, 300, 400, 500, 600)


def begun(log: Log, after: Event, reason: str = "the disk failed") -> Event:
    """The event that `begin_incarnation` appends."""
    payload = f'{{"incarnation": {log.incarnation}, "reason": "{reason}"}}'
    return {
        **after,
        "id": after["id"] + 1,
        "event_id": exports.LOG_ID[:-4] + f"{log.incarnation:04d}",
        "aggregate_id": "00000000-0000-0000-0000-000000000000",
        "version": log.incarnation - 1,
        "event_type": "IncarnationBegun",
        "recorded_by": "evident_operator",
        "payload": payload,
    }


def next_incarnation(
    events: list[Event], log: Log, reason: str = "the disk failed"
) -> Export:
    """History goes on from these events in a new incarnation."""
    new = log.begin(reason, len(events))
    return exports.make_export([*events, begun(new, events[-1], reason)], log=new)


def keep(tmp_path: Path, sealed: Export, *sizes: int) -> Path:
    for size in sizes:
        exports.write_checkpoint(tmp_path / "kept", sealed.log, sealed.leaves[:size])
    return tmp_path / "kept"


def write(export: Export, tmp_path: Path, *, keeps: bool = True) -> Path:
    """Write an export; the new checkpoint is kept beside those of before."""
    if keeps:
        exports.write_checkpoint(tmp_path / "kept", export.log, export.leaves)
    return exports.write_export(export, tmp_path / "export")


def edited(sealed: Export, at: int, count: int = 600) -> list[Event]:
    events = [dict(each) for each in sealed.events[:count]]
    events[at]["payload"] = '{"stolen": true}'
    return events


def is_replaced(report: Report) -> bool:
    assert report.verdict == "replaced", report.found.listed
    assert report.exit_code == 1
    assert report.found.of(REPLACED)
    return True


@pytest.mark.parametrize("accepted", [(), (1,), (2,), (3,), (1, 2, 3)])
def test_a_rewrite_under_a_new_incarnation_is_replaced_whatever_is_accepted(
    accepted: tuple[int, ...], sealed: Export, tmp_path: Path
) -> None:
    kept = keep(tmp_path, sealed, *KEPT)
    folder = write(next_incarnation(edited(sealed, 1), sealed.log), tmp_path)
    assert is_replaced(judge(folder, kept, accepted=accepted))


def test_the_only_kept_checkpoint_disagrees(sealed: Export, tmp_path: Path) -> None:
    kept = keep(tmp_path, sealed, 600)
    folder = write(next_incarnation(edited(sealed, 599), sealed.log), tmp_path)
    report = judge(folder, kept, accepted=(2,))
    assert is_replaced(report)
    assert "no kept checkpoint of before is" in texts(report, REPLACED)[0]


def test_a_kept_empty_tree_is_no_beginning(sealed: Export, tmp_path: Path) -> None:
    kept = keep(tmp_path, sealed, 0, 600)
    folder = write(next_incarnation(edited(sealed, 0), sealed.log), tmp_path)
    assert is_replaced(judge(folder, kept, accepted=(2,)))


@pytest.mark.parametrize("at", [400, 500, 599])
def test_lost_newest_leaves_are_replaced_until_a_person_accepts_them(
    at: int, sealed: Export, tmp_path: Path
) -> None:
    kept = keep(tmp_path, sealed, *KEPT)
    folder = write(next_incarnation(edited(sealed, at), sealed.log), tmp_path)
    for wrong in ((), (1,), (3,)):
        report = judge(folder, kept, accepted=wrong)
        assert is_replaced(report)
        assert "--accept-incarnation 2" in texts(report, REPLACED)[0]
    report = judge(folder, kept, accepted=(2,))
    assert is_clean(report)
    base = at // 100 * 100
    assert report.notes[0] == (
        f"leaves 0 to {base - 1} are those of kept checkpoint {base}; what follows is"
        f" new; {600 - base} published leaves are gone (incarnation 1 ended: the disk"
        " failed, says the event at line 601)"
    )


def test_a_restore_that_is_still_smaller_is_replaced_until_accepted(
    sealed: Export, tmp_path: Path
) -> None:
    kept = keep(tmp_path, sealed, *KEPT)
    folder = write(next_incarnation(sealed.events[:450], sealed.log), tmp_path)
    assert is_replaced(judge(folder, kept))
    report = judge(folder, kept, accepted=(2,))
    assert is_clean(report)
    assert "200 published leaves are gone" in report.notes[0]


def test_a_restore_that_lost_nothing_published_needs_no_word(
    sealed: Export, tmp_path: Path
) -> None:
    kept = keep(tmp_path, sealed, 100, 400)
    folder = write(next_incarnation(sealed.events[:450], sealed.log), tmp_path)
    assert is_clean(judge(folder, kept))


def test_an_older_checkpoint_below_a_reproduced_one_stays_replaced(
    sealed: Export, tmp_path: Path
) -> None:
    """No honest key signs both: what came before k was changed."""
    kept = keep(tmp_path, sealed, 400, 600)
    changed = exports.make_export(edited(sealed, 3, 100))
    exports.write_checkpoint(kept, sealed.log, changed.leaves)
    folder = write(next_incarnation(sealed.events[:500], sealed.log), tmp_path)
    report = judge(folder, kept, accepted=(2,))
    assert is_replaced(report)
    assert "older events were changed" in texts(report, REPLACED)[0]


def test_another_root_of_the_same_size_is_replaced(
    sealed: Export, tmp_path: Path
) -> None:
    export = next_incarnation(edited(sealed, 450), sealed.log)
    leaves = [*sealed.leaves, exports.leaf(b"another")]
    kept = keep(tmp_path, sealed, 400)
    exports.write_checkpoint(kept, sealed.log, leaves)
    folder = write(export, tmp_path)
    assert len(leaves) == export.size
    assert is_replaced(judge(folder, kept))
    assert is_clean(judge(folder, kept, accepted=(2,)))


def test_within_the_new_incarnation_history_may_not_change(
    sealed: Export, tmp_path: Path
) -> None:
    kept = keep(tmp_path, sealed, *KEPT)
    export = next_incarnation(sealed.events[:450], sealed.log)
    folder = write(export, tmp_path)
    other = [*export.leaves[:440], exports.leaf(b"x")]
    exports.write_checkpoint(kept, export.log, other)
    for accepted in ((), (2,)):
        report = judge(folder, kept, accepted=accepted)
        assert report.verdict == "tampered" and report.exit_code == 1


@pytest.mark.parametrize("as_of", [False, True])
def test_a_later_incarnation_that_disagrees_is_never_excused(
    as_of: bool, sealed: Export, folder: Path, tmp_path: Path
) -> None:
    later = next_incarnation(edited(sealed, 5, 50), sealed.log)
    exports.write_checkpoint(tmp_path / "kept", later.log, later.leaves)
    report = judge(folder, tmp_path / "kept", as_of=as_of, accepted=(1, 2))
    assert is_replaced(report)


def twice_restored(sealed: Export, tmp_path: Path) -> tuple[Path, Path]:
    """Two restores: to 400 of 600, then to a part of what came after that."""
    kept = keep(tmp_path, sealed, 400, 600)
    second = next_incarnation(sealed.events[:400], sealed.log)
    grown = exports.make_events(700, seed=8)[:300]
    for each in grown:
        each["id"] += second.events[-1]["id"]
    second = exports.make_export([*second.events, *grown], log=second.log)
    for size in (610, 701):
        exports.write_checkpoint(kept, second.log, second.leaves[:size])
    third = next_incarnation(second.events[:650], second.log, "again")
    third.events[-1]["version"] = 2
    third = exports.make_export(third.events, log=third.log)
    return write(third, tmp_path), kept


def test_each_incarnation_that_lost_something_is_accepted_by_its_number(
    sealed: Export, tmp_path: Path
) -> None:
    folder, kept = twice_restored(sealed, tmp_path)
    for wrong in ((), (2,), (3,)):
        report = judge(folder, kept, accepted=wrong)
        assert is_replaced(report)
    report = judge(folder, kept, accepted=(2, 3))
    assert is_clean(report)
    assert report.notes[:2] == [
        "leaves 0 to 399 are those of kept checkpoint 400; what follows is new; 200"
        " published leaves are gone (incarnation 1 ended: the disk failed, says the"
        " event at line 401)",
        "leaves 0 to 609 are those of kept checkpoint 610; what follows is new; 91"
        " published leaves are gone (incarnation 2 ended: again, says the event at"
        " line 651)",
    ]


def test_an_acceptance_of_another_number_is_said_to_be_in_vain(
    folder: Path, outside: Path
) -> None:
    report = judge(folder, outside, accepted=(7,))
    assert is_clean(report)
    assert report.notes[0].startswith("incarnation 7 was accepted, and the export is")


def test_a_reason_is_taken_from_the_log_where_no_event_tells_it(
    sealed: Export, tmp_path: Path
) -> None:
    kept = keep(tmp_path, sealed, 400, 600)
    log = sealed.log.begin("restored the backup of 02:00", 400)
    export = exports.make_export(sealed.events[:400], log=log)
    report = judge(write(export, tmp_path), kept, accepted=(2,))
    assert "restored the backup of 02:00, says log.json)" in report.notes[0]


def test_an_event_of_another_aggregate_gives_no_reason(
    sealed: Export, tmp_path: Path
) -> None:
    """Any writer can append an IncarnationBegun to an aggregate of its own."""
    kept = keep(tmp_path, sealed, 400, 600)
    new = sealed.log.begin("", 400)
    false = begun(new, sealed.events[399], "all is well")
    false["aggregate_id"] = exports.LOG_ID
    export = exports.make_export([*sealed.events[:400], false], log=new)
    report = judge(write(export, tmp_path), kept, accepted=(2,))
    assert is_clean(report)
    assert not [each for each in report.notes if "all is well" in each]


@pytest.mark.twin_of(22)
def test_a_verifier_that_takes_an_incarnations_word_is_caught(
    sealed: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def excused(
        tree: object, lost: list[object], reproduced: object
    ) -> list[incarnations.Loss]:
        return [incarnations.Loss(each, 1, frozenset()) for each in lost]  # type: ignore[arg-type]

    monkeypatch.setattr(incarnations, "losses", excused)
    with pytest.raises(AssertionError):
        test_a_rewrite_under_a_new_incarnation_is_replaced_whatever_is_accepted(
            (), sealed, tmp_path
        )


def test_the_page_shows_what_is_replaced(sealed: Export, tmp_path: Path) -> None:
    from pg_evident.verifier.page.html import render_html

    kept = keep(tmp_path, sealed, *KEPT)
    folder = write(next_incarnation(edited(sealed, 450), sealed.log), tmp_path)
    page = render_html(judge(folder, kept))
    assert "<title>Replaced" in page and "not reproduced" in page
    page = render_html(judge(folder, kept, accepted=(2,)))
    assert "<title>Clean" in page and "200 published leaves are gone" in page
