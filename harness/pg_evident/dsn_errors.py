"""What may be said of a connection string that does not work: nothing it holds.

libpq quotes the part that it cannot read, and an unescaped character makes a password
part of a host, a port or an option.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping

# How libpq begins what it says of a string; the quotation after it is left out.
_REASONS = (
    "invalid percent-encoded token",
    "forbidden value %00 in percent-encoded value",
    "invalid URI query parameter",
    "invalid connection option",
    "missing key/value separator",
    "extra key/value separator",
    'missing "="',
    "unterminated quoted string",
    "end of string reached",
    "IPv6 host address may not be empty",
    "unexpected character",
)
# Who connects where is what an error is about; no secret, once the string is sound.
_SHOWN = ("host", "hostaddr", "port", "user", "dbname")
_SECRET = ("password", "sslpassword")
_URI = re.compile(r"^\w+(?:\+\w+)?://([^?]*)(.*)$", re.DOTALL)


def reason(error: Exception) -> str:
    """Say in our own words why libpq cannot parse a string."""
    said = str(error).strip()
    return next((each for each in _REASONS if said.startswith(each)), "not understood")


@contextlib.contextmanager
def hidden(dsn: str, given: Mapping[str, str]) -> Iterator[None]:
    """Let errors of the connecting pass with nothing of the string but its address."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise type(error)(_without_secrets(str(error), dsn, given)) from None
    except (ValueError, OverflowError):
        # psycopg reads some parameters itself.
        raise psycopg.ProgrammingError(_UNSOUND) from None


_UNSOUND = (
    "cannot connect, and the server's address in the connection string looks"
    " wrong: in the password of a URI write %40 for @, %2F for /, %3A for :, %25 for %"
)


def _without_secrets(text: str, dsn: str, given: Mapping[str, str]) -> str:
    if not _is_sound(dsn, given):
        return _UNSOUND
    for key, value in given.items():
        if key in _SHOWN or not value:
            continue
        if key in _SECRET:
            text = text.replace(value, "…")
        else:
            # The server quotes one word of what `options` holds.
            text = re.sub(
                r"([\"'])(.+?)\1",
                lambda found, whole=value: (  # type: ignore[misc]
                    '"…"' if found[2] in whole else found[0]
                ),
                text,
            )
    return text


def _is_sound(dsn: str, given: Mapping[str, str]) -> bool:
    """Say whether address and secret are told apart for certain."""
    if not re.fullmatch(r"[\d,]*", given.get("port", "")):
        return False
    found = _URI.match(dsn.strip())
    if found is None:
        return True
    before, query = found.groups()
    _, _, path = before.partition("/")
    return before.count("@") <= 1 and "@" not in path + query and "#" not in before
