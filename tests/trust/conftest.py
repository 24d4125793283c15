"""The concurrency tests' login, store and broken twins."""

from concurrency.conftest import login, observer, rng, store, twin

__all__ = ["login", "observer", "rng", "store", "twin"]
