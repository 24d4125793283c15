-- evident._sql_hold_by_keys: SQL that refuses a statement's events of parked keys.
--
-- The keys are told as evident_projector, from the events themselves: the view of a
-- projection's events may not be waited for by who holds the event store. With one
-- snapshot for the transaction the trigger that folds refuses.

create or replace function evident._sql_hold_by_keys(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $hold$
        declare
            v_ids constant bigint[] := array(
                select n.id from new_events as n where {is_folded}
            );
            v_keys text[];
            v_message text;
            v_detail text;
        begin
            if v_ids = '{}' then
                return null;
            end if;
            begin
                v_keys := array(
                    select a.answer ->> 0
                    from evident._ask_projector(format({question}, v_ids)) as a (answer)
                );
            {end_of_block}
            perform evident._refuse_parked({name}, v_keys);
            return null;
        end;
        $hold$,
        jsonb_build_object(
            'name', format('%L', (p_projection).name),
            'is_folded', evident._sql_is_folded(p_projection, 'n'),
            'end_of_block', evident._sql_end_of_fold_block(p_projection),
            -- A format() string itself, for the ids.
            'question', format('%L', format(
                $sql$
                select jsonb_build_array(k.key::text)
                from (
                    select e as event
                    from evident.event_store as e
                    where e.id = any (%%L::bigint[])
                    offset 0
                ) as l
                cross join lateral (%s) as k (key)
                $sql$,
                replace(evident._sql_keys_of(p_projection, 'l.event'), '%', '%%')
            ))
        )
    );
end;

comment on function evident._sql_hold_by_keys(evident.projection) is
'SQL for the body of a trigger for each statement that refuses parked keys.';

revoke all on function evident._sql_hold_by_keys(evident.projection) from public;
