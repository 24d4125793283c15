-- evident.verify_ledger: compute the ledger anew from the events; what differs?
--
-- For the leaves from p_from to before p_to, and the tiles and tree heads that stand
-- on them: call it for the newest leaves often and for a moving slice of the rest.
-- Reads events in the order of their ids, linear in the number of leaves.
--
-- Whoever may change the events may change tiles, tree heads and this function too.
-- What was published, and a check outside the database, are for that.
--
-- Errors: PT400; 0A000 in a database that is not UTF8

create or replace function evident.verify_ledger(
    p_from bigint default 0,
    p_to bigint default null
)
returns table (leaf_index bigint, event_id uuid, problem text)
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_size bigint := coalesce((evident._tree_head()).tree_size, 0);
    v_to bigint := coalesce(p_to, v_size);
begin
    perform evident.require_utf8();
    perform evident._check_tree_size('p_to', v_to, 0);
    if p_from is null or p_from not between 0 and v_to then
        perform evident._refuse_argument(
            'p_from', format('not from 0 to %s', v_to), 'give the first leaf to check'
        );
    end if;

    return query
    select
        p.leaf_index,
        p.event_id,
        p.problem
    from evident._verify_leaves(
        p_from >> 8, least(v_to - 1, v_size - 256) >> 8
    ) as p;

    for v_level in 1..6 loop
        exit when v_size >> 8 * (v_level + 1) = 0;

        return query
        select
            p.leaf_index,
            null::uuid,
            p.problem
        from evident._verify_tiles(
            v_level,
            p_from >> 8 * (v_level + 1),
            least((v_to - 1) >> 8 * (v_level + 1), (v_size >> 8 * (v_level + 1)) - 1)
        ) as p;
    end loop;

    return query
    select
        t.index << 8 * (t.level + 1),
        null::uuid,
        format('tile %s/%s is beyond the newest tree head', t.level, t.index)
    from evident.ledger_tile as t
    where v_to = v_size and t.index >= v_size >> 8 * (t.level + 1)
    order by t.level, t.index;

    return query
    select
        p.leaf_index,
        null::uuid,
        p.problem
    from evident._verify_head_numbers(p_from, nullif(v_to, v_size)) as p;

    return query
    select
        p.leaf_index,
        null::uuid,
        p.problem
    from evident._verify_heads(
        p_from,
        -- A larger tree head than the newest one is a finding, too.
        case when v_to = v_size then 9223372036854775807 else v_to end
    ) as p;
end;
$function$;

comment on function evident.verify_ledger(bigint, bigint) is
'What differs between the ledger and the events, for the leaves from p_from to before
p_to, by default all; empty: nothing. A problem has a leaf_index, and an event_id where
one event can be named. For big ledgers check slices. Errors: PT400 beyond the tree;
0A000 in a database that is not UTF8.';

revoke all on function evident.verify_ledger(bigint, bigint) from public;
grant execute on function evident.verify_ledger(bigint, bigint) to
evident_operator, evident_auditor;
