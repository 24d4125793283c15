"""The store of the concurrency tests, for tests of this folder."""

from __future__ import annotations

from concurrency.conftest import login, observer, rng, store, twin

__all__ = ["login", "observer", "rng", "store", "twin"]
