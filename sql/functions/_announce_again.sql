-- evident._announce_again: announce an append in a transaction that has written
-- already.
--
-- The first call notes its position in a setting that ends with the transaction
-- (and with a savepoint that is rolled back, just as the lock does), so that
-- later calls take the same lock again instead of one more. The setting is
-- never trusted: a value above the sequence is cut down to it, one below only
-- holds the feed back while this transaction runs, and anything but digits
-- counts as absent.
--
-- Locks: one shared transaction-level advisory lock; see _announce_append.

create or replace function evident._announce_again()
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_position bigint := least(
        substring(
            current_setting('evident.feed_position', true) from '^[0-9]{1,15}$'
        )::bigint,
        coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        )
    );
begin
    perform pg_advisory_xact_lock_shared((17750::bigint << 48) | v_position);
    perform set_config('evident.feed_position', v_position::text, true);
    return true;
end;
$function$;

comment on function evident._announce_again() is
'Announces an append once more in a transaction that has written before; true.';

revoke all on function evident._announce_again() from public;
