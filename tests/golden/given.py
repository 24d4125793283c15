"""The events as they are stored: what is hard on a format, with fixed ids and times."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID


class Given(NamedTuple):
    """One event, its times and documents as text for PostgreSQL."""

    id: int
    event_id: UUID
    aggregate_id: UUID
    version: int
    occurred_at: str
    event_type: str
    recorded_by: str
    payload: str
    metadata: str


PLAIN = "2026-11-24 22:05:57.123456+00"
DEEP = '{"a":' * 250 + "[" * 250 + "]" * 250 + "}" * 250

# (occurred_at, event_type, recorded_by, payload, metadata)
_CONTENTS = [
    (PLAIN, "Noted", "postgres", "{}", "{}"),
    (PLAIN, "Ünïcødé 日本語", "größe", '{"ключ": "значение", "鍵": "値"}', "{}"),
    (
        PLAIN,
        "\U0001f600" * 100,
        "a\"b'c\\d",
        '{"emoji": "\U0001f600\U0001d4b3\U0001f1ef\U0001f1f5'
        '\U0001f469\u200d\U0001f469\u200d\U0001f467"}',
        '{"\U0001f511": "\U0001d11e"}',
    ),
    (
        PLAIN,
        "\u202e\u0639\u0643\u0633\u202c",
        "\u0645\u0633\u062a\u062e\u062f\u0645",
        '{"\u0646\u0635": "\u200f\u0645\u0631\u062d\u0628\u0627\u200e",'
        ' "he": "\u05e9\u05dc\u05d5\u05dd"}',
        "{}",
    ),
    (PLAIN, "Normal", "x", '{"nfc": "é", "nfd": "e\u0301", "bom": "\ufeff"}', "{}"),
    (PLAIN, "Spaces ", " x ", '{ "a" :\t1 ,\n"b": [ 1 , 2 ] }', '\t{"b":1}\n'),
    (
        PLAIN,
        "Numbers",
        "postgres",
        '{"big": 1e400, "scale": 1.10, "minus": -0, "tiny": 1E-7, "point": -0.00,'
        ' "exp": 1.5e3, "zero": 0e10, "float": 0.1, "int": 9007199254740993}',
        '{"n": 1.0}',
    ),
    (
        PLAIN,
        "Digits",
        "postgres",
        '{"long": ' + "1234567890" * 200 + "." + "0987654321" * 30 + "}",
        '{"small": 1e-300}',
    ),
    (PLAIN, "Deep", "postgres", DEEP, "{}"),
    (
        PLAIN,
        "Keys",
        "postgres",
        '{"": 1, "b": 2, "aa": 3, "a": 4, "é": 5, "\\u00e9x": 6}',
        '{"": {"": {"": []}}}',
    ),
    (
        PLAIN,
        "Duplicates",
        "postgres",
        '{"a": 1, "b": 0, "a": 2, "a": {"x": 1, "x": [null, true, false]}}',
        '{"a": 1, "a": 1}',
    ),
    (
        PLAIN,
        "Escapes",
        "postgres",
        '{"c": "\\u0001\\u001f\\u007f", "s": "\\u2028\\u2029", "t": "\\b\\f\\n\\r\\t",'
        ' "q": "\\"\\\\\\/", "u": "\\u00e4\\ud83d\\ude00", "nel": "\\u0085"}',
        "{}",
    ),
    (
        PLAIN,
        "Back\\slash \\x41 \\\\ \\u0041",
        "dom\\user",
        '{"path": "C:\\\\x41\\\\000", "octal": "\\\\101", "\\\\": "\\\\\\\\"}',
        '{"sql": "\'; drop table x; --", "fmt": "%s %I {} $1"}',
    ),
    ("2000-01-01 00:00:00+00", "Epoch", "postgres", '{"t": 0}', "{}"),
    ("1999-12-31 23:59:59.999999+00", "Before", "postgres", '{"t": -1}', "{}"),
    ("0001-01-01 00:00:00+00", "First", "postgres", "{}", "{}"),
    ("0001-12-31 23:59:59.999999+00 BC", "BC", "postgres", "{}", "{}"),
    ("4714-11-24 00:00:00+00 BC", "Oldest", "postgres", "{}", "{}"),
    ("9999-12-31 23:59:59.999999+00", "Last", "postgres", "{}", "{}"),
    ("10000-01-01 00:00:00+00", "Later", "postgres", "{}", "{}"),
    ("294276-12-31 23:59:59.999999+00", "Latest", "postgres", "{}", "{}"),
    ("infinity", "Never", "postgres", "{}", "{}"),
    ("-infinity", "Always", "postgres", "{}", "{}"),
    ("2024-02-29 12:00:00.5+05:45", "Leap", "postgres", "{}", "{}"),
    (PLAIN, "Large", "postgres", '{"text": "' + "Größe " * 5000 + '"}', "{}"),
]
# The first one is below 1 and the last ones are beyond 32 bits, with gaps between.
_IDS = [-7, *range(1, 12), *range(20, 31), 5_000_000_000, 5_000_000_009]

EVENTS = [
    Given(
        number,
        UUID(int=0xE0000000_0000_4000_8000_000000000000 + place),
        UUID(int=0xA0000000_0000_4000_8000_000000000000 + place // 3),
        place % 3 + 1,
        *content,
    )
    for place, (number, content) in enumerate(zip(_IDS, _CONTENTS, strict=True))
]
