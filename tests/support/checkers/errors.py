"""Every SQLSTATE with which a public function may refuse an input."""

from __future__ import annotations

# The package's own.
CONTRACT = {
    "PT400": "invalid argument",
    "PT403": "the store's own aggregate",
    "PT404": "no such aggregate, event, consumer, projection or parked key",
    "PT409": "version conflict",
    "PT422": "event_id used for other content",
    "PT423": "claimed by another since",
    "PT500": "the sealed events, or the sequence of the ids, are not what they were",
}

# The server's, for text that never becomes an argument: the cast alone fails.
SERVER = {
    "22P02": "not JSON, not a UUID, not an integer; half a surrogate pair",
    "22P05": "\\u0000 in a JSON string",
    "22003": "a number too large for its type: integer, bigint, numeric",
    "22007": "not an interval, not a moment",
    "22008": "an interval or a moment beyond its limits",
    "42601": "no list of types in brackets",
    "42602": "no name",
    "42704": "no such type",
    "42883": "no such function",
    "42P01": "no such table",
    "3F000": "no such schema",
    "0A000": "a name in another database",
    "22030": "the same key twice, where the server is asked to mind",
    "54000": "a JSON string, array or object beyond the server's limits",
    "54001": "JSON nested deeper than the server's stack",
}
