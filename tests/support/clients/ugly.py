"""Hypothesis strategies for JSON text and names that nobody wants to see."""

from __future__ import annotations

import json
import uuid

import hypothesis.strategies as st

NAMES = [
    "",
    " ",
    "Noted",
    "a" * 100,
    "a" * 101,
    "\U0001f4a9" * 100,
    "'; drop table evident.event_store; --",
    "\"quoted\" and 'quoted'",
    "%s %d %% %I %L %1$s",
    "\\",
    "\\u0000",
    "$$ $function$",
    "{}",
    "null",
    "\u202eright-to-left\u202c",
    "\u0627\u0644\u0633\u0644\u0627\u0645",
    "e\u0301\u200d\ufeff\ufffe",
    "\x01\x1f\x7f\x85\u2028",
    "line\nline\r\n\ttab",
    "x" * 1_000_000,
]

# psycopg refuses NUL and lone surrogates before the server sees them.
characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
names = st.one_of(st.sampled_from(NAMES), st.text(characters, max_size=120))

# JSON values written as text, so that the server parses what no client would send.
VALUES = [
    "null",
    "true",
    '""',
    "[]",
    "{}",
    '"\\u0000"',
    '{"\\u0000": 1}',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ud83d\\udca9"',
    "[" * 10_000 + "]" * 10_000,
    '{"a":' * 10_000 + "1" + "}" * 10_000,
    "[" * 100_000 + "]" * 100_000,
    "[" * 1000 + "]" * 1000,
    "9" * 131_072,
    "9" * 131_073,
    "-" + "9" * 131_072 + "." + "9" * 16_383,
    "1e131071",
    "1e131072",
    "1e-16383",
    "1e999999999999",
    "0.1e-20000",
    "-0",
    "-0.0",
    "1.0",
    "1e0",
    "2147483647",
    "2147483648",
    "-1",
    "-1.0",
    "-2",
    "9223372036854775808",
    "NaN",
    "Infinity",
    "01",
    '{"": {"": ""}}',
    '{"a": 1, "a": 2}',
    '{"a": {"a": 1, "a": [1, {"a": 1, "a": 2}]}}',
    '"' + "x" * 1_048_576 + '"',
    '{"' + "k" * 1_048_576 + '": 1}',
    json.dumps({str(n): n for n in range(20_000)}),
    json.dumps(list(range(100_000))),
    "'",
    "{'a': 1}",
    '{"a": 1,}',
    "",
    " ",
    "\ufeff{}",
    '"\x01"',
]

json_values = st.recursive(
    st.one_of(
        st.sampled_from(VALUES),
        st.integers().map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
        names.map(json.dumps),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        st.lists(st.tuples(names.map(json.dumps), inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
        ),
    ),
    max_leaves=4,
)

aggregate_names = st.one_of(
    st.sampled_from([str(uuid.UUID(int=n)) for n in range(3)]),
    st.sampled_from(
        [
            "{00000000-0000-0000-0000-000000000001}",
            "00000000000000000000000000000001",
            "0000-0000-0000-0000-0000-0000-0000-0001",
            "00000000-0000-0000-0000-00000000000G",
            "00000000-0000-0000-0000-0000000000001",
            "00000000-0000-0000-0000-000000000001\n",
        ]
    ),
    names,
)
integers = st.one_of(
    st.sampled_from(["-1", "0", "1", "2", "2147483647", "-2147483648", "2147483648"]),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["", "1.5", "1e3", " 7 ", "+1", "0x10", "1_000", "NaN"]),
)


def member(key: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Make one member of a JSON object, or leave it out, or give it twice."""
    written = values.map(lambda value: f"{json.dumps(key)}: {value}")
    return st.one_of(
        written, written, st.just(""), st.tuples(written, written).map(", ".join)
    )


def documents(*members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Make a JSON object of members, now and then with one that nobody knows."""
    strange = st.one_of(
        st.just(""), st.just(""), names.map(lambda name: f"{json.dumps(name)}: 1")
    )
    return st.tuples(*members, strange).map(
        lambda given: "{" + ", ".join(each for each in given if each) + "}"
    )


payloads = st.one_of(
    st.just("{}"), json_values, json_values.map(lambda value: f'{{"value": {value}}}')
)
events = st.one_of(
    documents(
        member("type", st.one_of(st.just('"Noted"'), names.map(json.dumps))),
        member("payload", payloads),
        member("metadata", st.one_of(st.just("{}"), json_values)),
        member("event_id", st.one_of(aggregate_names.map(json.dumps), json_values)),
    ),
    json_values,
)
event_arrays = st.one_of(
    st.lists(events, max_size=4).map(lambda each: f"[{', '.join(each)}]"), json_values
)
entries = st.one_of(
    documents(
        member("aggregate_id", aggregate_names.map(json.dumps)),
        member("expected_version", st.one_of(integers, json_values)),
        member("events", event_arrays),
    ),
    json_values,
)
batches = st.one_of(
    st.lists(entries, max_size=4).map(lambda each: f"[{', '.join(each)}]"), json_values
)
