-- evident._tile_end: the id of the last event in a full tile of leaves.
--
-- Before the first tile it is the smallest number there is, and not 0: an owner can
-- insert an event with an id below 1, which must not go unseen.

create or replace function evident._tile_end(p_index bigint)
returns bigint
language sql
stable
parallel safe
begin atomic
    select coalesce(
        (
            select t.last_event_id
            from evident.ledger_tile as t
            where t.level = 0 and t.index = p_index
        ),
        -9223372036854775808
    );
end;

comment on function evident._tile_end(bigint) is
'The id of the last event in tile 0/p_index; the smallest bigint for
the tile before the first.';

revoke all on function evident._tile_end(bigint) from public;
