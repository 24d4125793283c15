-- evident.safe_position: the id up to which the event store is complete.
--
-- Ids are drawn in one order and committed in another, so whoever reads
-- "everything after N" can step over an event that commits late. Every event
-- at or below this position is either visible to the caller's next statement
-- or will never exist.
--
-- Two statements, in this order. First the sequence's last value L. Then the
-- smallest position that a running transaction announced (_announce_append)
-- before it drew its first id. A writer that this second look does not see
-- either announced itself later, and then draws ids above L, or is over, and
-- then its events are visible: a transaction's locks go after its commit
-- shows. Hence the smaller of the two is safe, for a statement that takes its
-- snapshot after both. That is why the levels with one snapshot per
-- transaction are refused.
--
-- Only transactions that append hold it back, no matter how long others run.
--
-- A standby does not see the primary's announcements. There the position is the
-- newest stamp (stamp_position): whatever is at or below it was committed before
-- the stamp, and a standby makes commits visible in the order of the log.
--
-- A sequence that is behind its rows would end the feed before them: that is refused
-- (_refuse_behind), not answered.
--
-- Errors: PT400 at REPEATABLE READ and SERIALIZABLE; PT500

create or replace function evident.safe_position()
returns bigint
language plpgsql
volatile
parallel restricted
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_setting('transaction_isolation')
        in ('repeatable read', 'serializable')
    then
        raise exception using
            errcode = 'PT400',
            message = format(
                'the feed cannot be read at %s',
                upper(current_setting('transaction_isolation'))
            ),
            detail = jsonb_build_object(
                'argument', 'transaction_isolation',
                'reason', current_setting('transaction_isolation')
                    || ' has one snapshot for all statements'
            )::text,
            hint = 'read the feed at READ COMMITTED';
    end if;
    perform evident._refuse_behind();
    return evident._feed_position();
end;
$function$;

comment on function evident.safe_position() is
'The id up to which the event store is complete: each event at or below it is
visible to the next statement or will never exist. On a standby it is the newest
position that stamp_position has stored. Errors: PT400 at REPEATABLE READ and
SERIALIZABLE; PT500 the sequence of the ids is behind its rows, or a standby has no
stamp.';

revoke all on function evident.safe_position() from public;
grant execute on function evident.safe_position() to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
