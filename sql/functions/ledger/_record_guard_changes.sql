-- evident._record_guard_changes: make it history when the guards have changed.
--
-- Each event GuardChanged in the store's own stream tells which rows of guard_status
-- came and went, so the events up to any moment, folded, give all rows as they were
-- then. The first one tells of all rows. Only an owner can write to that stream by
-- hand, so the events themselves are folded each time: the fingerprint that the newest
-- one gives decides nothing.
--
-- What does not fit into half a MiB of text is cut in the order of the rows, removed
-- ones first, into several events of one transaction, whose part and parts tell that
-- they belong together. A row whose text is longer than 16 kB stands with the sha256
-- of its state, so no event exceeds what any event may be.
--
-- Texts are sorted and compared by their bytes: a restore into a database of another
-- collation changes no guard.

create or replace function evident._record_guard_changes()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $function$
declare
    v_own constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
    v_rows jsonb;
    v_fingerprint text;
    v_payload jsonb;
begin
    select
        coalesce(
            jsonb_agg(
                to_jsonb(g) || case
                    when octet_length(to_jsonb(g)::text) > 16384 then
                        jsonb_build_object(
                            'state',
                            'sha256 '
                            || encode(sha256(convert_to(g.state, 'UTF8')), 'hex')
                        )
                    else '{}'
                end
                order by
                    g.kind collate "C", g.name collate "C", g.state collate "C"
            ),
            '[]'
        )
    into v_rows
    from evident.guard_status() as g;

    v_fingerprint := encode(sha256(convert_to(v_rows::text, 'UTF8')), 'hex');

    for v_payload in
        with stored as (
            select distinct on (c.guard)
                c.guard,
                c.is_added
            from evident.event_store as e
            cross join lateral (
                select
                    a.guard,
                    true as is_added
                from jsonb_path_query(e.payload, '$.added[*]') as a (guard)

                union all

                select
                    r.guard,
                    false as is_added
                from jsonb_path_query(e.payload, '$.removed[*]') as r (guard)
            ) as c
            where e.aggregate_id = v_own and e.event_type = 'GuardChanged'
            -- collation: to tell them apart, in no order of its own
            order by c.guard, e.version desc
        ),

        found as (
            select f.guard
            from jsonb_array_elements(v_rows) as f (guard)
        ),

        change as (
            (
                select
                    s.guard,
                    false as is_added
                from stored as s
                where s.is_added
                except
                select
                    f.guard,
                    false as is_added
                from found as f
            )

            union all

            (
                select
                    f.guard,
                    true as is_added
                from found as f
                except
                select
                    s.guard,
                    true as is_added
                from stored as s
                where s.is_added
            )
        ),

        placed as (
            select
                c.guard,
                c.is_added,
                c.guard::text collate "C" as place,
                sum(octet_length(c.guard::text) + 2) over (
                    order by c.is_added, c.guard::text collate "C"
                ) / 524288 as part
            from change as c
        )

        select
            jsonb_build_object(
                'fingerprint', v_fingerprint,
                'added', coalesce(
                    jsonb_agg(p.guard order by p.place) filter (where p.is_added), '[]'
                ),
                'removed', coalesce(
                    jsonb_agg(p.guard order by p.place) filter (where not p.is_added),
                    '[]'
                ),
                'part', row_number() over (order by p.part),
                'parts', count(*) over ()
            )
        from placed as p
        group by p.part
        order by p.part
    loop
        perform evident._append_own_event('GuardChanged', v_payload);
    end loop;
end;
$function$;

comment on function evident._record_guard_changes() is
'Appends events GuardChanged, {"fingerprint", "added", "removed", "part", "parts"}, to
the store''s own stream when guard_status differs from what the newest such event
tells.';

revoke all on function evident._record_guard_changes() from public;
