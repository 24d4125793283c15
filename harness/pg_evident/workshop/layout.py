"""Say where things lie and which lines every migration carries."""

MIGRATIONS = "migrations"
EXAMPLES = "migrations/examples"
FUNCTIONS = "sql/functions"
PROJECTIONS = "sql/projections"
MANIFEST = "sql/functions/MANIFEST"
VERSION = "sql/functions/core/version.sql"
ROLLBACK_SUFFIX = ".rollback.sql"

RECORD_BASELINE = "sql/functions/guards/_record_baseline.sql"
# The last statement of a migration that makes the guards, and of each later one.
RECORD = """\
do $do$
begin
    perform evident._record_baseline();
end;
$do$;
"""

LOCK_TIMEOUT = "set local lock_timeout = '5s';"
PROLOGUE = (
    "set local role evident_owner;",
    "set local search_path = pg_catalog, pg_temp;",
    LOCK_TIMEOUT,
)
# Read models belong to another role; whoever migrates makes their schema.
EXAMPLE_PROLOGUE = ("set local role evident_projector;", *PROLOGUE[1:])
REGION_BEGIN = "-- [begin generated rollback]"
REGION_END = "-- [end generated rollback]"


class FreezeError(Exception):
    """Say which line of which file stands in the way; `path` is relative."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = path
        self.line = line
        self.message = message
