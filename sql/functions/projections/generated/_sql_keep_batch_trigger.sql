-- evident._sql_keep_batch_trigger: SQL for the trigger of many events.
--
-- Where the key is the aggregate it leaves the statements that are no batch to
-- keep_event_<projection>. As there, the function is the owner's, and names
-- kept_batch_<projection>.

create or replace function evident._sql_keep_batch_trigger(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        set search_path = pg_catalog, pg_temp
        as {body};

        comment on function {name}() is
        'Made by create_projection: folds a statement''s events by what it names.';

        revoke all on function {name}() from public;

        create or replace trigger {trigger}
        after insert on evident.event_store
        referencing new table as new_events
        for each statement {condition} execute function {name}();
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'keep_batch_%s'),
            'trigger', format(
                '%I', evident._name_of_trigger(p_projection, 'keep_batch_%s')
            ),
            'condition', case
                when (p_projection).keys is null
                    then 'when (evident._is_batch())'
                else ''
            end,
            'body', format('%L', format(
                $call$
            declare
                v_events constant evident.event_store[] := array(
                    select
                        row(
                            n.id, n.aggregate_id, n.version, n.event_type, n.payload,
                            n.metadata, n.event_id, n.occurred_at, n.recorded_by
                        )::evident.event_store
                    from new_events as n
                );
            begin
                perform %s(v_events);
                return null;
            end;
            $call$,
                evident._name_of_object(p_projection, 'kept_batch_%s')
            ))
        )
    );
end;

comment on function evident._sql_keep_batch_trigger(evident.projection) is
'SQL that creates or replaces keep_batch_<projection> and its trigger.';

revoke all on function evident._sql_keep_batch_trigger(evident.projection) from public;
