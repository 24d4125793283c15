-- evident._is_ordered: true when a sequence hands out its numbers one after the other.
--
-- One that caches, descends or cycles gives ids that the feed may have passed. Marked
-- immutable though it is not, so that the planner evaluates it once for a plan, and an
-- append pays nothing for it. ALTER SEQUENCE gives the sequence a new file, so
-- every session makes its plans that name it anew, and forgets the numbers that it
-- had cached.

create or replace function evident._is_ordered(p_sequence regclass)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
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
    );
end;
$function$;

comment on function evident._is_ordered(regclass) is
'True when a sequence caches nothing, counts by 1 and does not cycle.';

revoke all on function evident._is_ordered(regclass) from public;
