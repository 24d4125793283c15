-- evident._attest_incarnations: make incarnations history that are not yet.
--
-- begin_incarnation calls it, and each seal: an incarnation whose event could not be
-- stored at once gets it later. Which have one the events say, and no row that an owner
-- may change. Needs the sealer's lock.

create or replace function evident._attest_incarnations()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_identity evident.log_identity;
begin
    for v_identity in
        select i.*
        from evident.log_identity as i
        where
            i.incarnation > 1
            and not exists (
                select
                from evident.event_store as e
                where
                    e.aggregate_id = '00000000-0000-0000-0000-000000000000'
                    and e.event_type = 'IncarnationBegun'
                    and e.payload = jsonb_build_object(
                        'incarnation', i.incarnation,
                        'name', i.name,
                        'reason', i.reason
                    )
            )
        order by i.incarnation
    loop
        perform evident._append_own_event(
            'IncarnationBegun',
            jsonb_build_object(
                'incarnation', v_identity.incarnation,
                'name', v_identity.name,
                'reason', v_identity.reason
            )
        );
    end loop;
end;
$function$;

comment on function evident._attest_incarnations() is
'Appends an event IncarnationBegun, {"incarnation", "name", "reason"}, to the store''s
own stream for each incarnation that has none.';

revoke all on function evident._attest_incarnations() from public;
