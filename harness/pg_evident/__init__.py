"""Migrate, run, import into and check Evident from outside the database."""

from typing import TYPE_CHECKING

__version__: str | None

if not TYPE_CHECKING:

    def __getattr__(name: str) -> str | None:
        # On demand: reading package metadata would double the start-up time.
        if name != "__version__":
            raise AttributeError(name)
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("pg-evident")
        except PackageNotFoundError:  # run from a tree that was never installed
            return None
