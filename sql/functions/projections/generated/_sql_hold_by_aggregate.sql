-- evident._sql_hold_by_aggregate: SQL that refuses an event of a parked aggregate.
--
-- With one snapshot for the transaction the look may be old; the projection's row,
-- which was touched by whatever parked or freed a key, tells
-- (_sql_refuse_old_snapshot).

create or replace function evident._sql_hold_by_aggregate(
    p_projection evident.projection
)
returns text
language sql
immutable
parallel safe
begin atomic
    select evident._fill(
        $hold$
        begin
            if {is_folded} then
                if current_setting('transaction_isolation')
                    in ('repeatable read', 'serializable')
                then
                    perform evident._as_projector({lock});
                    perform evident._share_projection({name});
                end if;
                perform evident._refuse_parked(
                    {name}, array[new.aggregate_id::text]
                );
            end if;
            return null;
        end;
        $hold$,
        jsonb_build_object(
            'name', format('%L', (p_projection).name),
            'is_folded', evident._sql_is_folded(p_projection, 'new'),
            'lock', format(
                '%L',
                format('lock table %s in row exclusive mode', (p_projection).name)
            )
        )
    );
end;

comment on function evident._sql_hold_by_aggregate(evident.projection) is
'SQL for the body of a trigger for each row that refuses parked aggregates.';

revoke all on function evident._sql_hold_by_aggregate(evident.projection) from public;
