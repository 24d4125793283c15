"""Lines become append documents without a changed digit, a lost line or a new order."""

from __future__ import annotations

import io
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_evident.intake.ndjson import (
    LONGEST_LINE,
    Line,
    Occurrences,
    Refusal,
    batches,
    document,
    parse_line,
    read_lines,
)

A = "01900000-0000-7000-8000-00000000000a"
B = "01900000-0000-7000-8000-00000000000b"


def text(aggregate: str = A, **more: Any) -> str:
    return json.dumps({"aggregate_id": aggregate, "type": "T", "payload": {}} | more)


def read(*lines: str | bytes) -> list[Line | Refusal]:
    data = b"\n".join(
        each.encode() if isinstance(each, str) else each for each in lines
    )
    return list(read_lines(io.BytesIO(data)))


def good(*lines: str) -> list[Line]:
    found = []
    for each in read(*lines):
        assert isinstance(each, Line), each
        found.append(each)
    return found


def entries(batch: list[Line]) -> Any:
    return json.loads(document(batch))


@pytest.mark.parametrize(
    "number",
    [
        "1.10",
        "1e400",
        "-0",
        "0.0",
        "123456789012345678901234567890",
        "1E-7",
        "1" * 5000,
    ],
)
def test_no_digit_of_a_number_changes(number: str) -> None:
    line = f'{{"aggregate_id":"{A}","type":"T","payload":{{"n": [ {number} ]}}}}'
    assert f'"payload":{{"n": [ {number} ]}}' in document(good(line))


@given(
    payload=st.dictionaries(
        st.text(),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text()
            | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
    ),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0]),
)
def test_any_payload_arrives_as_it_is(
    payload: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    line = json.dumps(
        {"payload": payload, "type": "T", "aggregate_id": A},
        ensure_ascii=ascii_only,
        indent=indent,
    ).replace("\n", "\r")
    # JSON allows a lone surrogate as an escape only: as a character it is no text.
    if any("\ud800" <= each <= "\udfff" for each in line):
        return
    [entry] = entries(good(line))
    assert entry["events"][0]["payload"] == payload


def test_optional_keys_are_passed_on_when_they_are_given() -> None:
    event_id = str(uuid.uuid4())
    line = text(metadata={"actor": "me"}, event_id=event_id, expected_version=3)
    assert entries(good(line)) == [
        {
            "aggregate_id": A,
            "expected_version": 3,
            "events": [
                {
                    "type": "T",
                    "payload": {},
                    "metadata": {"actor": "me"},
                    "event_id": event_id,
                }
            ],
        }
    ]


def test_null_means_not_given() -> None:
    [bare] = good(text())
    [line] = good(text(metadata=None, event_id=None, expected_version=None))
    assert line == bare


def test_an_id_is_made_from_content_and_occurrence() -> None:
    lines = (text(), text(B), text(), text(payload={"n": 1}), text())
    ids = [entries([each])[0]["events"][0]["event_id"] for each in good(*lines)]
    again = [entries([each])[0]["events"][0]["event_id"] for each in good(*lines)]
    assert ids == again
    assert len(set(ids)) == 5


def test_other_lines_of_a_file_do_not_change_an_id() -> None:
    alone = entries(good(text(B)))[0]["events"]
    behind = entries(good(text(), text(), text(B))[2:])[0]["events"]
    assert alone == behind


def test_a_uuid_has_one_id_however_it_is_spelt() -> None:
    lower, upper = good(text(A)), good(text(A.upper()))
    assert lower[0].aggregate == upper[0].aggregate
    assert lower[0].event == upper[0].event


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "no { at its start"),
        ("[1]", "no {"),
        ('"text"', "no {"),
        ("{", 'no "key": at character'),
        ('{"type": "T"', "no comma or } at character 13"),
        ('{"type": "T",}', 'no "key": at character 14'),
        ('{"type" "T"}', 'no "key": at character 2'),
        ("{1: 2}", 'no "key": at character 2'),
        ('{"type": T}', "Expecting value at character 10"),
        ('{"ty\\pe": 1}', "Invalid \\escape"),
        ('{"type": NaN}', "NaN is not JSON"),
        ('{"type": -Infinity}', "-Infinity is not JSON"),
        ('{"type": "T"} {}', "more text after the object"),
        ('{"type": "T", "type": "U"}', "stands twice"),
        ('{"type": "a\tb"}', "Invalid control character"),
        (b'{"type": "\xff"}', "not UTF-8 at byte 11"),
        ("{}", "aggregate_id is missing"),
        ('{"aggregate_id": 1, "payload": {}}', "type is missing"),
        ('{"aggregate_id": 1, "type": "T"}', "payload is missing"),
        (text(expectedVersion=1), "unknown key: expectedVersion"),
        ('{"payload": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_reported_with_its_number(line: str | bytes, reason: str) -> None:
    first, refusal, last = read(text(), line, text())
    assert isinstance(refusal, Refusal)
    assert refusal.number == 2
    assert reason in refusal.reason
    assert isinstance(first, Line) and isinstance(last, Line)


def test_what_a_value_means_is_left_to_the_database() -> None:
    line = '{"aggregate_id": 5, "type": null, "payload": 1, "expected_version": "x"}'
    [entry] = entries(good(line))
    assert (entry["aggregate_id"], entry["expected_version"]) == (5, "x")
    assert entry["events"][0]["payload"] == 1


def test_empty_lines_a_byte_order_mark_and_crlf_are_no_content() -> None:
    lines = good("\ufeff" + text() + "\r", "", "  \r", text(B))
    assert [each.number for each in lines] == [1, 4]


def test_a_line_without_an_end_is_not_read_whole() -> None:
    class Endless(io.RawIOBase):
        largest = 0
        left = 3 * LONGEST_LINE

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None and size > 0
            self.largest = max(self.largest, size)
            taken = min(size, self.left)
            self.left -= taken
            return b" " * taken

    stream = Endless()
    [refusal] = read_lines(stream)  # type: ignore[arg-type]
    assert isinstance(refusal, Refusal) and "8 MiB" in refusal.reason
    assert stream.largest == LONGEST_LINE


def test_progress_counts_every_byte() -> None:
    data = ("\n".join((text(), "bad", "", text()))).encode()
    counted: list[int] = []
    list(read_lines(io.BytesIO(data), counted.append))
    assert sum(counted) == len(data)


def test_reading_keeps_no_more_than_a_batch() -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield parse_line(taken, text(str(uuid.uuid4())), Occurrences())

    lists = batches(endless(), 10)
    assert len(next(lists)) == 10
    assert taken == 10


def test_lines_of_one_aggregate_share_an_entry_in_order() -> None:
    [batch] = batches(
        good(text(A, type="1"), text(B), text(A, type="2"), text(A, type="3")), 10
    )
    first, second = entries(batch)
    assert [event["type"] for event in first["events"]] == ["1", "2", "3"]
    assert (first["aggregate_id"], second["aggregate_id"]) == (A, B)


@pytest.mark.parametrize(
    ("versions", "sizes"),
    [
        ([None, None, None], [3]),
        ([0, 1, 2], [3]),
        ([0, None, 2], [3]),
        ([0, -1], [2 - 1, 1]),
        ([7, 8, 8], [2, 1]),
        ([None, 1], [1, 1]),
        ([-1, None], [2]),
        ([-1, 0], [1, 1]),
        ([3, 5, 6], [1, 2]),
        (["3", 4], [1, 1]),
    ],
)
def test_a_version_that_an_entry_cannot_check_starts_a_new_batch(
    versions: list[Any], sizes: list[int]
) -> None:
    lines = good(*(text(expected_version=each) for each in versions))
    found = list(batches(lines, 10))
    assert [len(batch) for batch in found] == sizes
    assert entries(found[0])[0].get("expected_version") == versions[0]


def test_a_batch_of_large_events_is_cut_by_size() -> None:
    lines = good(*(text(payload={"text": "x" * 3_000_000}) for _ in range(5)))
    assert [len(batch) for batch in batches(lines, 500)] == [2, 2, 1]


@given(
    chosen=st.lists(
        st.tuples(st.sampled_from([A, B]), st.sampled_from([None, -1, 0, 1, 2, 3])),
        max_size=12,
    ),
    size=st.integers(1, 5),
)
def test_batches_lose_nothing_and_name_an_aggregate_once(
    chosen: list[tuple[str, int | None]], size: int
) -> None:
    lines = good(*(text(each, expected_version=version) for each, version in chosen))
    found = list(batches(lines, size))
    assert [line for batch in found for line in batch] == lines
    for batch in found:
        assert 0 < len(batch) <= size
        aggregates = [entry["aggregate_id"] for entry in entries(batch)]
        assert len(aggregates) == len(set(aggregates))


def test_decimals_of_orders_keep_their_digits() -> None:
    from pg_evident.intake.orders import json_text

    assert json_text({"a": Decimal("29.30"), "b": 'é"', "c": 0}) == (
        '{"a": 29.30, "b": "\\u00e9\\"", "c": 0}'
    )
