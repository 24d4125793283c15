-- evident._sql_keep_event_trigger: SQL for the trigger of one event.
--
-- The function belongs to evident_owner, and names kept_event_<projection>: a trigger
-- has its function by oid, wherever a fold had that moved, and would run it as the
-- store's owner.

create or replace function evident._sql_keep_event_trigger(
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
        as {body};

        comment on function {name}() is
        'Made by create_projection: folds one event by what it names.';

        revoke all on function {name}() from public;

        create or replace trigger {trigger}
        after insert on evident.event_store
        for each row
        when (not evident._is_batch())
        execute function {name}();
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'keep_event_%s'),
            'trigger', format(
                '%I', evident._name_of_trigger(p_projection, 'keep_event_%s')
            ),
            'body', format('%L', format(
                $call$
            begin
                return %s(new);
            end;
            $call$,
                evident._name_of_object(p_projection, 'kept_event_%s')
            ))
        )
    );
end;

comment on function evident._sql_keep_event_trigger(evident.projection) is
'SQL that creates or replaces keep_event_<projection> and its trigger.';

revoke all on function evident._sql_keep_event_trigger(evident.projection) from public;
