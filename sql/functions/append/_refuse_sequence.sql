-- evident._refuse_sequence: raise PT500 unless the event ids come in order.
--
-- A sequence that was set back would have events stored below those that are sealed
-- (_refuse_behind); one that caches or cycles gives ids that the feed may have passed.
--
-- Errors: PT500

create or replace function evident._refuse_sequence()
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform evident._refuse_behind(p_may_start => true);
    if evident._is_ordered('evident.event_store_id_seq'::regclass) then
        return;
    end if;
    raise exception using
        errcode = 'PT500',
        message = 'the sequence of the event ids does not hand them out in order: '
            'the feed would skip events',
        detail = (
            select
                jsonb_build_object(
                    'reason', 'the sequence caches, descends, jumps or cycles',
                    'sequence', 'evident.event_store_id_seq',
                    'cache', s.seqcache,
                    'increment', s.seqincrement,
                    'is_cycling', s.seqcycle
                )::text
            from pg_sequence as s
            where s.seqrelid = 'evident.event_store_id_seq'::regclass
        ),
        hint = 'the owner of the store runs: alter sequence'
            ' evident.event_store_id_seq increment 1 cache 1 no cycle';
end;
$function$;

comment on function evident._refuse_sequence() is
'Raises PT500 when the sequence of the event ids is behind its rows, caches, does not
count by 1, or cycles.';

revoke all on function evident._refuse_sequence() from public;
