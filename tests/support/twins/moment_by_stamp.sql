-- project that folds, as of a moment, the events stamped until then, and no others.

select pg_temp.spoil(
    'evident.project(text, text, bigint, bigint, timestamptz)',
    $$'max(k.position)'
                    ' filter (where (k.event).occurred_at <= %L) over ()'$$,
    $$'case when (k.event).occurred_at <= %L then k.position end'$$
);
