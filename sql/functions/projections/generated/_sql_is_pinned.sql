-- evident._sql_is_pinned: SQL that tells whether a trigger may run a fold at once.
--
-- It runs as evident_projector, and path and settings are those of all other paths
-- (_fold_settings); most sessions have them so, and setting them costs more than
-- looking. Nothing here must be bent by the path, nor be somebody else's: each name is
-- qualified. Two arrays, since a comparison for each setting takes longer, and a loop
-- longer still; in the second no value of one setting is one of another's.

create or replace function evident._sql_is_pinned()
returns text
language sql
immutable
parallel safe
begin atomic
    select
        evident._fill(
            $sql$current_user operator(pg_catalog.=) 'evident_projector'
            and array[{exact}] operator(pg_catalog.=) {values}::pg_catalog.text[]
            and array[{either}] operator(pg_catalog.<@) {choices}::pg_catalog.text[]
            $sql$,
            jsonb_build_object(
                'exact', string_agg(s.look, ', ' order by s.name collate "C")
                filter (where s.value = s.alike),
                'values', format(
                    '%L',
                    array_agg(s.value order by s.name collate "C")
                    filter (where s.value = s.alike)
                ),
                'either', string_agg(s.look, ', ' order by s.name collate "C")
                filter (where s.value <> s.alike),
                'choices', format(
                    '%L',
                    array_agg(s.value order by s.name collate "C")
                    filter (where s.value <> s.alike)
                    || array_agg(s.alike order by s.name collate "C")
                    filter (where s.value <> s.alike)
                )
            )
        )
    from (
        select
            f.name,
            f.value,
            f.alike,
            format('pg_catalog.current_setting(%L)', f.name) as look
        from evident._fold_settings() as f
        union all
        select
            'search_path' as name,
            'pg_catalog, pg_temp' as value,
            'pg_catalog, pg_temp' as alike,
            'pg_catalog.current_setting(''search_path'')' as look
    ) as s;
end;

comment on function evident._sql_is_pinned() is
'SQL that is true where role, path and settings are those that folds run under.';

revoke all on function evident._sql_is_pinned() from public;
