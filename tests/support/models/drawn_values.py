"""Keys in several texts, values that settings bend, and what they are, told by hand."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping

_CAFE = "caf\u00e9"
_UUIDS = [str(uuid.UUID(int=0xF00D << 96 | n)) for n in (1, 2, 3)]


def _numbers(top: int) -> dict[str, list[str]]:
    """Spell numbers; the last is the largest of its type."""
    return {
        "0": ["0", "-0", "+0", "000"],
        "7": ["7", "007", "+7", " 7", "7 ", "\t7\n"],
        "-7": ["-7", "-07", " -007 "],
        str(top): [str(top), f"+{top}", f"0{top}"],
    }


# By type of the key: the text that a value has, and the texts that are given for it.
# Of text each spelling is a key of its own.
SPELLINGS: Mapping[str, Mapping[str, list[str]]] = {
    "smallint": _numbers(2**15 - 1),
    "integer": _numbers(2**31 - 1),
    "bigint": _numbers(2**63 - 1),
    "boolean": {
        "true": ["t", "true", "yes", "on", "1", "TRUE", " y "],
        "false": ["f", "false", "no", "off", "0", "False", "n"],
    },
    "date": {
        "2024-01-02": [
            "2024-01-02",
            "January 2, 2024",
            "20240102",
            "01/02/2024",
            "2 Jan 2024",
            "2024.002",
            "J2460312",
        ],
        "2024-02-01": ["2024-02-01", "02/01/2024", "Feb 1 2024", "20240201"],
        "0044-03-15 BC": ["0044-03-15 BC", "March 15, 44 BC"],
    },
    "uuid": {
        each: [
            each,
            each.upper(),
            f"{{{each}}}",
            each.replace("-", ""),
            f"{{{each.replace('-', '').upper()}}}",
        ]
        for each in _UUIDS
    },
    "text": {
        each: [each]
        for each in (
            "a",
            "A",
            "a ",
            " a",
            "a\n",
            _CAFE,
            unicodedata.normalize("NFD", _CAFE),
            "7",
            "007",
            "'; drop table x; --",
            "%s%I%%",
            "\\",
            "k" * 1000,
        )
    },
    # For a broken variant: equal values have several texts.
    "numeric": {
        "1": ["1", "1.0", "1.00", "1e0", "01"],
        "0": ["0", "0.0", "-0.00"],
        "250": ["250", "2.5e2", "250.000"],
    },
}
ALLOWED = ("uuid", "text", "smallint", "integer", "bigint", "date", "boolean")

# A payload, and what the fold writes of it under the settings that all folds have.
TEXTS: list[tuple[dict[str, str], str]] = [
    ({"at": "2024-01-02 03:04:05+02"}, "2024-01-02 01:04:05+00"),
    ({"at": "2024-07-01 12:00"}, "2024-07-01 12:00:00+00"),
    ({"at": "01/02/2024 23:30 EST"}, "2024-01-03 04:30:00+00"),
    ({"on": "01/02/2024"}, "2024-01-02"),
    ({"on": "January 2, 2024"}, "2024-01-02"),
    ({"span": "1 year 2 mons -3 days 04:05:06"}, "1 year 2 mons -3 days +04:05:06"),
    ({"span": "-1 2:03:04"}, "-1 days +02:03:04"),
    ({"float": "0.1"}, "0.30000000000000004"),
    ({"bytes": "\\x00ff5c"}, "\\x00ff5c"),
    ({"list": "{NULL,a}"}, "{NULL,a}"),
    ({"money": "1234.5"}, "$1,234.50"),
    ({"words": "The cats"}, "'cat':2"),
    ({"name": "evident.event_store"}, "evident.event_store"),
    ({"none": "yes"}, "unknown"),
    ({"literal": "yes"}, "a\\b"),
    ({}, ""),
]

# What sessions that append have set. None of it may change a row.
SETTINGS: Mapping[str, list[str]] = {
    "array_nulls": ["off"],
    "bytea_output": ["escape"],
    "datestyle": ["german, dmy", "sql, dmy", "postgres, ymd", "iso, dmy"],
    "default_text_search_config": ["pg_catalog.english", "pg_catalog.german"],
    "enable_indexscan": ["off"],
    "extra_float_digits": ["0", "-15"],
    "intervalstyle": ["sql_standard", "iso_8601", "postgres_verbose"],
    "jit": ["off"],
    "lc_monetary": ["C", "C.utf8"],
    "lc_numeric": ["C", "C.utf8"],
    "lc_time": ["C", "C.utf8"],
    "plan_cache_mode": ["force_generic_plan", "force_custom_plan"],
    "quote_all_identifiers": ["on"],
    "row_security": ["off"],
    "search_path": ["", "pg_temp, drawn", "drawn, public"],
    "standard_conforming_strings": ["off"],
    "timezone": ["Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"],
    "timezone_abbreviations": ["India", "Australia"],
    "transform_null_equals": ["on"],
    "xmlbinary": ["hex"],
    "xmloption": ["document"],
}
