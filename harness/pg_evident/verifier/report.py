"""The result of a verification, as both reports show it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .findings import EXIT_CODES, Findings
from .heads import Incarnation
from .kept import Kept
from .order import Gap, OddDate


@dataclass(slots=True)
class Report:
    """What was verified, and what came of it.

    Sizes count events; `timeline` holds (tree size, microseconds since 2000) of tree
    heads, thinned out.
    """

    subject: str
    found: Findings
    own: Kept | None = None
    kept: list[Kept] = field(default_factory=list)
    root: bytes | None = None
    checked: int = 0
    unsealed: int = 0
    heads: int = 0
    timeline: list[tuple[int, int]] = field(default_factory=list)
    aggregates: int = 0
    largest: list[tuple[str, int]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    odd_dates: list[OddDate] = field(default_factory=list)
    odd_date_count: int = 0
    incarnations: list[Incarnation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    earlier: str | None = None
    seconds: float = 0.0
    event_id: str | None = None

    @property
    def verdict(self) -> str:
        """Say `clean`, `tampered` or `cannot tell`."""
        return self.found.verdict()

    @property
    def exit_code(self) -> int:
        """Give 0 for clean, 1 for tampered, 2 for cannot tell."""
        return EXIT_CODES[self.verdict]
