"""The demo runs to its end, and a second time without appending anything."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pg_evident.demo import tour as demo

pytestmark = pytest.mark.once

if TYPE_CHECKING:
    from conftest import Database


def test_the_demo_tells_the_same_twice(
    empty_db: Database,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    demo.run(empty_db.dsn)
    first = capsys.readouterr().out
    demo.run(empty_db.dsn)
    second = capsys.readouterr().out

    assert "13,830 appended, 0 already there" in first
    assert "0 appended, 13,830 already there" in second
    for text in (first, second):
        assert [code in text for code in ("PT402", "PT403", "PT409")] == [True] * 3
        assert text.count("rows written 0") == 5
        assert text.count("rows written 1") == 1
        assert "as the events say" in text
        assert "13,835 events agree with the signed checkpoint" in text
        assert "clean: the event is in the tree" in text
        assert (
            "tampered: leaf 11,377 event c5a2f285-1a64-5ed1-8fc6-d81bf7c9cd2b" in text
        )
    assert "13,835 events sealed" in first
    assert "   0 events sealed" in second
    since = "Asynchronous read models catch up"
    until = "Seal: the events become leaves"
    ignored = ("events/s", " s\n")
    told = [each.partition(since)[2].partition(until)[0] for each in (first, second)]
    assert _steady(told[0], ignored) == _steady(told[1], ignored)


def _steady(text: str, ignored: tuple[str, ...]) -> list[str]:
    """Leave out the lines that tell how long something took."""
    return [
        line
        for line in text.splitlines(keepends=True)
        if not any(each in line for each in ignored)
    ]
