-- evident._sql_queue_for_keys: SQL that waits for the keys which the events touch.
--
-- Where keys cross aggregates, two appends may meet in one row. They queue on the
-- key's lock; but the later id may get there first. Rows would then differ from a
-- replay, so the earlier one is refused with 40001, and its retry has a new id.
-- One snapshot per transaction could not see the other: PT400 there.

create or replace function evident._sql_queue_for_keys(p_projection evident.projection)
returns text
language sql
stable
parallel safe
begin atomic
    select evident._fill(
        $sql$
            declare
                v_queue text[];
                v_first bigint;
            begin
                begin
                    select
                        array_agg(distinct v.key::text),
                        min(v.position)
                    into v_queue, v_first
                    from ({events}) as v;
                {end_of_block}
                if v_queue is null then
                    {return}
                end if;

                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._refuse_argument(
                        'transaction_isolation',
                        current_setting('transaction_isolation')
                        || ' cannot see what others fold into the rows of ' || {name},
                        'append at READ COMMITTED'
                    );
                end if;

                perform evident._lock_keys({number}, v_queue);
                if exists (
                    select
                    from (
                        select e as event
                        from evident.event_store as e
                        where
                            e.id > v_first
                            and {is_folded}
                            and not exists (
                                select
                                from unnest(p_events) as n
                                where n.id = e.id
                            )
                        offset 0
                    ) as l
                    cross join lateral ({later_keys}) as k (key)
                    where k.key::text = any (v_queue)
                ) then
                    raise exception using
                        errcode = 'serialization_failure',
                        message = 'could not fold into ' || {name} || ' in the order of'
                            ' the feed: a later event of the same key was there first',
                        detail = jsonb_build_object('projection', {name}::text)::text,
                        hint = 'append again';
                end if;
            end;
            $sql$,
        jsonb_build_object(
            'name', format('%L', (p_projection).name),
            'number', (p_projection).number,
            'events', evident._sql_keys_of_statement(p_projection),
            'end_of_block', evident._sql_end_of_fold_block(p_projection),
            'is_folded', evident._sql_is_folded(p_projection, 'e'),
            'later_keys', evident._sql_keys_of(p_projection, 'l.event'),
            'return', evident._sql_return()
        )
    );
end;

comment on function evident._sql_queue_for_keys(evident.projection) is
'SQL for kept_batch_<projection>: takes the locks of the keys, 40001 when a later event
was there first.';

revoke all on function evident._sql_queue_for_keys(evident.projection) from public;
