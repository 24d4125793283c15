"""Where the files are: beside the package in a clone, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from pg_evident.failure import Failure

PACKAGE = Path(__file__).resolve().parent
# Of a clone; what an installed package has there is not ours.
ROOT = PACKAGE.parents[1]
DATA = PACKAGE / "data"

# What a wheel carries of the clone: see pyproject.toml.
_CARRIED = PACKAGE / "shipped"
SHIPPED = _CARRIED if _CARRIED.is_dir() else ROOT
ENGINE = SHIPPED / "migrations"
EXAMPLES = ENGINE / "examples"
INSTALL = SHIPPED / "sql/install.sql"
UNINSTALL = SHIPPED / "sql/uninstall.sql"


def clone() -> Path:
    """Return the folder of the clone; raises Failure in an installed package."""
    if SHIPPED is not ROOT:
        raise Failure(
            "this command works on the sources, in a clone of the repository",
            "there: pip install -e '.[dev]'",
        )
    return ROOT


def require_migrations() -> None:
    """Raise Failure where the engine's migrations are missing."""
    if not migration_files(ENGINE):
        raise Failure(
            f"no migrations at {ENGINE}: the package is incomplete",
            "pip install --force-reinstall pg-evident",
        )


def migration_files(source: Path) -> list[Path]:
    """List the migrations of one folder in order, without the rollbacks."""
    return sorted(
        path for path in source.glob("*.sql") if not path.stem.endswith(".rollback")
    )
