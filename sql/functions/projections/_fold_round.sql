-- evident._fold_round: bring a rebuild's own rows up to a position, and what differs.
--
-- pg_temp.rebuilt has the rows as folded up to p_after; pg_temp.differing the keys
-- whose stored row may be another one. Here the events up to p_until are folded onto
-- the former, and the keys of those above p_low join the latter, which
-- then loses the keys whose stored row is the same. p_slice is a format() string for
-- SQL that tells whether a key is in the slice.
--
-- A key that is not in pg_temp.differing is equal now, and can only be changed by
-- events above p_until. One without an event above p_low is as it was, so only the
-- others are compared: a round takes as long as there are new events, not as there are
-- rows, or a rebuild would never catch up with writers. Rows are looked up, not read as
-- a whole, where they are few: what a random page costs is what memory does.

create or replace function evident._fold_round(
    p_projection evident.projection,
    p_slice text,
    p_low bigint,
    p_after bigint,
    p_until bigint
)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set random_page_cost = 1.1
as $function$
declare
    v_events_above constant text := format(
        'select v.key, v.event, v.position from %s as v'
        ' where %s and v.position <= %s and v.position > ',
        evident._name_of_object(p_projection, 'events_of_%s'),
        format(p_slice, 'v.key'),
        p_until
    );
begin
    perform evident._as_projector(format(
        $sql$
        insert into pg_temp.rebuilt as r (key, next_row)
        %s
        on conflict (key) do update set next_row = excluded.next_row
        $sql$,
        evident._sql_fold_by_key(
            p_projection,
            v_events_above || p_after,
            '(select r.next_row from pg_temp.rebuilt as r where r.key = k.key)'
        )
    ));

    perform evident._as_projector(evident._fill(
        $sql$
        insert into pg_temp.differing as d (key)
        select distinct e.key from ({events}) as e
        on conflict do nothing;

        delete from pg_temp.differing as d
        where d.key in (
            select c.key
            from (select distinct e.key from ({events}) as e) as c
            left join pg_temp.rebuilt as r on c.key = r.key
            left join {table} as t on c.key = t.{key}
            where not {differs}
        )
        $sql$,
        jsonb_build_object(
            'events', v_events_above || p_low,
            'table', p_projection.name,
            'key', format('%I', p_projection.key_column),
            'differs', evident._sql_differs(p_projection, 'r.next_row')
        )
    ));
end;
$function$;

comment on function
evident._fold_round(evident.projection, text, bigint, bigint, bigint) is
'Folds further events onto a rebuild''s rows, and notes which keys differ.';

revoke all on function
evident._fold_round(evident.projection, text, bigint, bigint, bigint) from public;
