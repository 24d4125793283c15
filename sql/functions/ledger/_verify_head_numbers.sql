-- evident._verify_head_numbers: tree heads that are gone.
--
-- They are numbered from 1 without a gap, and ledger_state knows the newest number. A
-- slice is asked for what is missing before each of its heads, the one that holds the
-- newest leaves also for what is missing at the end; so all slices together find all.
--
-- That sealed_at does not go back is not asked for: a clock may be put right.

create or replace function evident._verify_head_numbers(p_from bigint, p_to bigint)
returns table (leaf_index bigint, problem text)
language sql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
    with known as (
        select
            t.number,
            t.tree_size
        from evident.tree_head as t
        where t.tree_size between p_from and coalesce(p_to, 9223372036854775807)

        union all

        -- One behind the newest that there must be.
        select
            coalesce((select s.head_number from evident.ledger_state as s), 1) + 1,
            null
        where p_to is null
    )

    select
        b.tree_size as leaf_index,
        case
            when k.number - b.number = 2
                then format('tree head %s is missing', b.number + 1)
            when k.number - b.number > 2 then format(
                'tree heads %s to %s are missing', b.number + 1, k.number - 1
            )
            else format('tree head %s is newer than ledger_state knows', b.number)
        end as problem
    from known as k
    cross join lateral (
        select
            coalesce(max(l.number), 0) as number,
            coalesce(max(l.tree_size), 0) as tree_size
        from (
            select
                t.number,
                t.tree_size
            from evident.tree_head as t
            where t.number < k.number or k.tree_size is null
            order by t.number desc
            limit 1
        ) as l
    ) as b
    where k.number - b.number <> 1
    order by b.number;
$function$;

comment on function evident._verify_head_numbers(bigint, bigint) is
'What is missing before tree heads of p_from to p_to leaves; without p_to up to the
newest one, and at the end.';

revoke all on function evident._verify_head_numbers(bigint, bigint) from public;
