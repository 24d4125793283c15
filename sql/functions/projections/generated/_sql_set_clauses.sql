-- evident._sql_set_clauses: the settings of folds, as clauses of a function.
--
-- Without p_values all of them; with p_values, which are the values that sessions begin
-- with, those that folds do not run under. timezone_abbreviations is left out, see
-- _fold_settings. quote_all_identifiers comes first, since it changes how the name of a
-- text search configuration is kept.

create or replace function evident._sql_set_clauses(p_values jsonb default null)
returns text
language sql
immutable
parallel safe
begin atomic
    select
        coalesce(
            string_agg(
                format('set %s = %L', s.name, s.value), chr(10)
                order by s.name <> 'quote_all_identifiers', s.name collate "C"
            ),
            ''
        )
    from evident._fold_settings() as s
    where
        s.name <> 'timezone_abbreviations'
        and not array[p_values ->> s.name] <@ array[s.value, s.alike];
end;

comment on function evident._sql_set_clauses(jsonb) is
'The settings of folds as clauses "set name = value"; p_values: only those for which
this object, by name in lower case, has a value that differs.';

revoke all on function evident._sql_set_clauses(jsonb) from public;
