-- evident._leaf_index: the place in the ledger of the event with an id.
--
-- Ids have gaps, leaf indexes have none. Full tiles know their last id: halving finds
-- the tile in a few look-ups by key, which spares an index on it.

create or replace function evident._leaf_index(p_id bigint, p_size bigint)
returns bigint
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $function$
declare
    v_low bigint := 0;
    v_high bigint := p_size >> 8;
    v_middle bigint;
begin
    -- Ends: the interval gets smaller each time, whatever the tiles say.
    while v_low < v_high loop
        v_middle := (v_low + v_high) / 2;
        if evident._tile_end(v_middle) < p_id then
            v_low := v_middle + 1;
        else
            v_high := v_middle;
        end if;
    end loop;
    return v_low * 256 + (
        select count(*)
        from evident.event_store as e
        where e.id > evident._tile_end(v_low - 1) and e.id < p_id
    );
end;
$function$;

comment on function evident._leaf_index(bigint, bigint) is
'The leaf index, from 0, of the sealed event with id p_id, in a tree of p_size leaves.';

revoke all on function evident._leaf_index(bigint, bigint) from public;
