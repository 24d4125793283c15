"""Moments as microseconds since 2000-01-01 UTC, from and to the text of an export."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
HOUR = 3600 * SECOND
_MICROSECOND = timedelta(microseconds=1)
_minutes: dict[str, int] = {}


def parse_exact(text: str) -> int:
    """Read `2026-11-24T22:05:57.123456Z`, and no other form; ValueError otherwise."""
    base = _minutes.get(text[:17])
    if base is None:
        base = _minute(text[:17])
    digits = text[17:19] + text[20:26]
    if (
        len(text) != 27
        or text[19] != "."
        or text[26] != "Z"
        or not digits.isdigit()
        or not text.isascii()
        or digits > "59999999"
    ):
        raise ValueError(f"not a moment: {text[:40]}")
    return base + int(digits)


def parse(text: str) -> int:
    """Read any ISO 8601 moment with an offset; ValueError otherwise."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no offset from UTC: {text[:40]}")
    return (moment - EPOCH) // _MICROSECOND


def show(moment: int) -> str:
    """Write a moment for people, to the second; extremes as a count."""
    try:
        return f"{EPOCH + timedelta(microseconds=moment):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        if moment == 2**63 - 1:
            return "infinity"
        if moment == -(2**63):
            return "-infinity"
        return f"{moment} microseconds from 2000-01-01 UTC"


def _minute(text: str) -> int:
    # The form is checked by writing it again, since fromisoformat knows more forms.
    moment = datetime.fromisoformat(text + "00+00:00")
    if moment.isoformat()[:17] != text:
        raise ValueError(f"not a moment: {text[:40]}")
    if len(_minutes) > 10_000:
        _minutes.clear()
    base = _minutes[text] = (moment - EPOCH) // _MICROSECOND
    return base
