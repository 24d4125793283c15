"""Candidates whose runs are made together, as parts of one round."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pg_evident.bench.terms import Sample


def parts(
    make: Callable[[], Mapping[str, Sample]],
) -> Callable[[str], Callable[[], Sample]]:
    """Return what gives, by name, the runs of one part of what `make` makes.

    Whichever is asked for first has a round made, and the others get their parts.
    """
    made: dict[str, Sample] = {}

    def take(name: str) -> Sample:
        if name not in made:
            made.update(make())
        return made.pop(name)

    return lambda name: lambda: take(name)
