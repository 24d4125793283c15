-- evident._attest_guards: make it history when the guards have changed.
--
-- The log has an aggregate of its own, with its uuid. Each event GuardChanged tells
-- which rows of guard_status came and went, so the events up to any moment, folded,
-- give all rows as they were then.
--
-- Whoever may append may append to this aggregate too, whatever it likes. That must
-- not stop the sealer; recorded_by tells such events apart, and the next seal corrects
-- them. A transaction that keeps the aggregate to itself does not hold the sealer up
-- either: a later seal tells then.

create or replace function evident._attest_guards()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
as $function$
declare
    v_log_id uuid := (evident._log_identity()).log_id;
    v_rows jsonb;
    v_fingerprint text;
    v_known text;
begin
    select
        coalesce(
            jsonb_agg(to_jsonb(g) order by g.kind, g.name, g.state), '[]'
        )
    into v_rows
    from evident.guard_status() as g;

    v_fingerprint := encode(sha256(convert_to(v_rows::text, 'UTF8')), 'hex');

    select e.payload ->> 'fingerprint'
    into v_known
    from evident.event_store as e
    where e.aggregate_id = v_log_id and e.event_type = 'GuardChanged'
    order by e.version desc
    limit 1;

    if v_known = v_fingerprint then
        return;
    end if;

    begin
        perform evident.append_event(
            v_log_id,
            'GuardChanged',
            (
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
                    where e.aggregate_id = v_log_id and e.event_type = 'GuardChanged'
                    order by c.guard, e.version desc
                ),

                found as (
                    select f.guard
                    from jsonb_array_elements(v_rows) as f (guard)
                )

                select
                    jsonb_build_object(
                        'fingerprint', v_fingerprint,
                        'added', (
                            select coalesce(jsonb_agg(n.guard order by n.guard), '[]')
                            from (
                                select f.guard
                                from found as f
                                except
                                select s.guard
                                from stored as s
                                where s.is_added
                            ) as n
                        ),
                        'removed', (
                            select coalesce(jsonb_agg(o.guard order by o.guard), '[]')
                            from (
                                select s.guard
                                from stored as s
                                where s.is_added
                                except
                                select f.guard
                                from found as f
                            ) as o
                        )
                    )
            )
        );
    exception
        when lock_not_available then
            null;
    end;
end;
$function$;

comment on function evident._attest_guards() is
'Appends an event GuardChanged, {"fingerprint", "added", "removed"}, to the log''s own
aggregate when guard_status differs from what the newest such event tells.';

revoke all on function evident._attest_guards() from public;
