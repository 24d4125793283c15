-- evident._sql_kept_batch_function: SQL for kept_batch_<projection>, for many events.
--
-- It folds the events of a statement by key, with one fold and one write. It gets them
-- as an array, since another function cannot see the rows of a statement.
--
-- The lock on the read model comes before the rows are read: the last step of
-- a rebuild stops its writers there.

create or replace function evident._sql_kept_batch_function(
    p_projection evident.projection
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(p_events evident.event_store[])
        returns evident.event_store
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        {settings}
        set enable_seqscan = off
        set row_security = off
        as {body};

        comment on function {name}(evident.event_store[]) is
        'Made by create_projection: folds the events of a statement, by key.';

        revoke all on function {name}(evident.event_store[]) from public;
        grant execute on function {name}(evident.event_store[]) to evident_owner;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'kept_batch_%s'),
            'settings', evident._sql_set_clauses(),
            'body', format('%L', evident._sql_fold_statement(p_projection))
        )
    );
end;

comment on function evident._sql_kept_batch_function(evident.projection) is
'SQL that creates or replaces kept_batch_<projection>.';

revoke all on function evident._sql_kept_batch_function(evident.projection) from public;
