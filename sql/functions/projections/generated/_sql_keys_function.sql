-- evident._sql_keys_function: SQL for keys_<projection>, which tells an event's keys.
--
-- It stands for the function that was registered, as step_<projection> does for the
-- fold (_sql_step_function).

create or replace function evident._sql_keys_function(
    p_projection evident.projection,
    p_keys regprocedure
)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
        create or replace function {name}(p_event evident.event_store)
        returns {returns}
        language sql
        {attributes}
        begin atomic
            {query};
        end;

        comment on function {name}(evident.event_store) is
        'Made by create_projection: stands for the function that tells keys.';

        revoke all on function {name}(evident.event_store) from public;
        $sql$,
        jsonb_build_object(
            'name', evident._name_of_object(p_projection, 'keys_%s'),
            'returns', pg_get_function_result(p_keys),
            'attributes', evident._routine_attributes(p_keys),
            'query', format(
                case
                    when (
                        select p.proretset
                        from pg_proc as p
                        where p.oid = p_keys
                    )
                        then 'select k.key from %s(p_event) as k (key)'
                    else 'select %s(p_event)'
                end,
                p_keys::oid::regproc
            )
        )
    );
end;

comment on function evident._sql_keys_function(evident.projection, regprocedure) is
'SQL that creates or replaces keys_<projection>, bound to the function p_keys.';

revoke all on function evident._sql_keys_function(evident.projection, regprocedure)
from public;
