-- A status that has nothing to compare definitions with, and counts what it does not
-- know as good: bodies, checks, persistence, sequences.

select pg_temp.spoil(
    'evident.guard_status()',
    'or coalesce(c.found = c.expected, false)',
    'or coalesce(c.found = c.expected, false)
        or c.kind in (''function'', ''table'', ''constraint'', ''index'', ''sequence'')'
);
