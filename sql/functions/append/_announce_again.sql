-- evident._announce_again: announce an append in a transaction that has written
-- already, or whose first announcement somebody else's lock keeps out.
--
-- The first call notes its position in a setting that ends with the transaction
-- (and with a savepoint that is rolled back, just as the lock does), so that
-- later calls take the same lock again instead of one more. The setting is
-- never trusted: a value above the sequence is cut down to it, one below only
-- holds the feed back while this transaction runs, and anything but digits
-- counts as absent.
--
-- Any login may take any advisory lock, so a key may be held exclusively. Then the
-- announcement goes to the keys of 17757: 5 bits e, 18 bits m and 25 random bits,
-- which announce the position m * 2^e, the largest such number that is not above
-- the sequence. It is the sequence's value itself up to 262,143, and at most a
-- part in 131,072 less beyond, so the feed is hardly held back. Nobody can hold all
-- 33,554,432 keys of a position: the server's table of locks is full before. The
-- setting evident.feed_detour remembers the key, under the same mistrust.
--
-- Locks: one shared transaction-level advisory lock, never waiting; see
-- _announce_append.
-- Errors: 55P03, when a hundred random keys are all held

create or replace function evident._announce_again()
returns boolean
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_last constant bigint := coalesce(
        pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
    );
    v_position bigint := least(
        substring(
            current_setting('evident.feed_position', true) from '^[0-9]{1,15}$'
        )::bigint,
        v_last
    );
    v_detour bigint;
    v_exponent integer;
begin
    if pg_try_advisory_xact_lock_shared((17750::bigint << 48) | v_position) then
        perform set_config('evident.feed_position', v_position::text, true);
        return true;
    end if;

    v_detour := substring(
        current_setting('evident.feed_detour', true) from '^[0-9]{1,15}$'
    )::bigint;
    v_exponent := greatest(length(ltrim(v_last::bit(48)::text, '0')) - 18, 0);
    for v_try in 1..100 loop
        if v_try > 1
            or v_detour is null
            or v_detour >= 1::bigint << 48
            or ((v_detour >> 25) & 262143) << (v_detour >> 43)::integer > v_last
        then
            v_detour := (v_exponent::bigint << 43)
                | ((v_last >> v_exponent) << 25)
                | (uuid_hash_extended(gen_random_uuid(), 0) & 33554431);
        end if;
        if pg_try_advisory_xact_lock_shared((17757::bigint << 48) | v_detour) then
            perform set_config('evident.feed_detour', v_detour::text, true);
            return true;
        end if;
    end loop;

    raise exception using
        errcode = '55P03',
        message = 'the append cannot be announced to the feed: all the advisory'
            ' locks that were tried are held by other sessions',
        detail = '{"reason": "advisory locks are held"}',
        hint = 'look in pg_locks for the session that holds advisory locks'
            ' exclusively, and end it';
end;
$function$;

comment on function evident._announce_again() is
'Announces an append in a transaction that has written before, or beside a lock that
is held exclusively; true.';

revoke all on function evident._announce_again() from public;
