"""What is refused: one class, that the command line shows as message and hint."""

from __future__ import annotations


class Failure(Exception):
    """A refusal that the command line shows as its message and hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
