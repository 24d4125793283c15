"""The demo runs to its end, and a second time without appending anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness import demo

if TYPE_CHECKING:
    from conftest import Database


def test_the_demo_tells_the_same_twice(
    empty_db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
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
    since = "Asynchronous read models catch up"
    ignored = ("events/s", " s\n", "look around")
    assert _steady(first.partition(since)[2], ignored) == _steady(
        second.partition(since)[2], ignored
    )


def _steady(text: str, ignored: tuple[str, ...]) -> list[str]:
    """Leave out the lines that tell how long something took."""
    return [
        line
        for line in text.splitlines(keepends=True)
        if not any(each in line for each in ignored)
    ]
