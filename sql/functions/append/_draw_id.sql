-- evident._draw_id: announce an append and draw its id, which currval then gives.
--
-- False when the id is not above what the sequence gave last: then the announcement
-- does not cover it, and the feed may have passed it. A sequence that caches,
-- descends or cycles hands out such ids, and so does a session that still has ids
-- from a time when it did.
--
-- The steps are in one case, since the planner sorts conditions by their cost; and
-- the sequence is looked at before it is drawn from, as arguments are evaluated
-- from left to right. Inlined by the planner.
--
-- Locks: see _announce_append.

create or replace function evident._draw_id()
returns boolean
language sql
volatile
parallel unsafe
begin atomic
    select case
        when evident._announce_append()
            then
                coalesce(
                    pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
                )
                < nextval('evident.event_store_id_seq'::regclass)
    end;
end;

comment on function evident._draw_id() is
'Announces an append and draws the next event id; false when the sequence hands out
ids that the feed may have passed.';

revoke all on function evident._draw_id() from public;
