-- evident._sql_hold_trigger: SQL for the trigger of parked keys.

create or replace function evident._sql_hold_trigger(p_projection evident.projection)
returns text
language sql
stable
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
        set enable_seqscan = off
        as {body};

        comment on function {name}() is
        'Made by create_projection: refuses events of parked keys.';

        revoke all on function {name}() from public;

        create or replace trigger {trigger}
        after insert on evident.event_store
        {level} execute function {name}();
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'hold_event_%s'),
            'trigger', format(
                '%I', evident._name_of_trigger(p_projection, 'hold_event_%s')
            ),
            'level', case
                when (p_projection).keys is null then 'for each row'
                else 'referencing new table as new_events for each statement'
            end,
            'body', format('%L', case
                when (p_projection).keys is null
                    then evident._sql_hold_by_aggregate(p_projection)
                else evident._sql_hold_by_keys(p_projection)
            end)
        )
    );
end;

comment on function evident._sql_hold_trigger(evident.projection) is
'SQL that creates or replaces hold_event_<projection> and its trigger.';

revoke all on function evident._sql_hold_trigger(evident.projection) from public;
