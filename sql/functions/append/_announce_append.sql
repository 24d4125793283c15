-- evident._announce_append: tell feed readers that this transaction will draw
-- event ids above the sequence's present value.
--
-- A writer calls this before it draws an id. The announcement is a shared
-- advisory lock that lives until the transaction is over; its key carries
-- 17750 ('EV') in the upper 16 bits and a position in the lower 48. Only somebody
-- who means harm takes such a key exclusively; _announce_again finds another one
-- then, so that an append never waits here. A reader takes the smallest announced
-- position as its limit; see safe_position.
--
-- A transaction without an id of its own has written nothing yet, so it has not
-- announced anything either: that is the common case, and as small as can be,
-- since each function in it is looked up again in every transaction.
-- _announce_again keeps a transaction with many appends from taking many locks.
--
-- Locks: one shared transaction-level advisory lock, never waiting. Inlined by the
-- planner.
-- Errors: 55P03, when all the keys that were tried are held

create or replace function evident._announce_append()
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select case
        when
            pg_current_xact_id_if_assigned() is null
            and pg_try_advisory_xact_lock_shared(
                (17750::bigint << 48) | coalesce(
                    pg_sequence_last_value(
                        'evident.event_store_id_seq'::regclass
                    ),
                    0
                )
            )
            then true
        else evident._announce_again()
    end;
end;

comment on function evident._announce_append() is
'Takes this transaction''s feed announcement, a shared advisory lock; true.';

revoke all on function evident._announce_append() from public;
