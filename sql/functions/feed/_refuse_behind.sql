-- evident._refuse_behind: raise PT500 when the sequence of the ids is behind its rows.
--
-- Rows come without their sequence by logical replication, a restore of parts, or an
-- owner's setval. The feed would end before them, and new events would get ids below
-- those that readers have passed. So the feed, the seal and the long path of each
-- append ask; the short one when it is planned (_is_ordered), and where an id is taken.
--
-- First one look for any number above the last one drawn, which is at the end of an
-- index: mostly there is none, or an append that was quicker than this. Then for the
-- newest, which was drawn before the sequence is looked at again.
--
-- A sequence that an owner has restarted gives no last value until it is drawn from, so
-- the feed ends at 0 then. An append may follow (p_may_start) where its id is above all
-- others; the feed may not be read before that, or it would look empty.
--
-- A standby draws no ids. There the stamp alone says how far the feed is, so that it
-- must be there.
--
-- Runs with its caller's rights.
-- Errors: PT500

create or replace function evident._refuse_behind(p_may_start boolean default false)
returns void
language plpgsql
volatile
parallel restricted
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- The stamp has one row, and no other way to it: see _require_projector.
set jit = off
as $function$
declare
    v_last bigint;
    v_newest bigint;
begin
    if pg_is_in_recovery() then
        if not exists (select from evident.feed_stamp as s) then
            raise exception using
                errcode = 'PT500',
                message = 'the feed of this standby has no end: its stamp is gone',
                detail = '{"reason": "feed_stamp has no row"}',
                hint = 'on the primary, as a member of evident_owner: '
                    'select evident.initialize_log()';
        end if;
        return;
    end if;

    v_last := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );
    perform
    from evident._drawn as d
    where d.id > v_last
    order by d.id
    limit 1;
    if not found then
        return;
    end if;

    v_newest := (
        select d.id
        from evident._drawn as d
        order by d.id desc
        limit 1
    );
    v_last := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass),
        case
            when p_may_start
                then (select s.last_value - 1 from evident.event_store_id_seq as s)
        end,
        0
    );
    if v_last < v_newest then
        raise exception using
            errcode = 'PT500',
            message = format(
                'the sequence of the event ids is behind its rows: it is at %s, and '
                '%s was drawn before', v_last, v_newest
            ),
            detail = jsonb_build_object(
                'reason', 'the sequence is behind its rows',
                'sequence', 'evident.event_store_id_seq',
                'last_value', v_last,
                'newest', v_newest
            )::text,
            hint = 'as a member of evident_owner: '
                'select * from evident.repair_sequences()';
    end if;
end;
$function$;

comment on function evident._refuse_behind(boolean) is
'Raises PT500 when the sequence of the event ids is behind an event or the stamp; on a
standby when there is no stamp.';

revoke all on function evident._refuse_behind(boolean) from public;
grant execute on function evident._refuse_behind(boolean) to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
