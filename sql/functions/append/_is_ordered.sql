-- evident._is_ordered: true when a sequence hands out its numbers one after the other,
-- above the ids of all events.
--
-- One that caches, descends or cycles gives ids that the feed may have passed, and so
-- does one that came without its rows' numbers. Marked
-- immutable though it is not, so that the planner evaluates it once for a plan, and an
-- append pays nothing for it. ALTER SEQUENCE gives the sequence a new file, so
-- every session makes its plans that name it anew, and forgets the numbers that it
-- had cached. A setval does neither: that is seen where an id is taken, and by all who
-- read the feed (_refuse_behind).

create or replace function evident._is_ordered(p_sequence regclass)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
-- A sequence has no index: see _require_projector.
set jit = off
as $function$
begin
    return exists (
        select
        from pg_sequence as s
        where
            s.seqrelid = p_sequence
            and s.seqcache = 1
            and s.seqincrement = 1
            and not s.seqcycle
    )
    and (
        select case when s.is_called then s.last_value else s.last_value - 1 end
        from evident.event_store_id_seq as s
    ) >= coalesce((select max(e.id) from evident.event_store as e), 0);
end;
$function$;

comment on function evident._is_ordered(regclass) is
'True when a sequence caches nothing, counts by 1, does not cycle, and is not below the
events.';

revoke all on function evident._is_ordered(regclass) from public;
