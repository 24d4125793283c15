-- evident._refuse_sequence: raise PT500 for an id that the feed may have passed.
--
-- p_id was drawn although the sequence had given p_last before that, after the append
-- was announced.
--
-- Errors: PT500, always.

create or replace function evident._refuse_sequence(p_id bigint, p_last bigint)
returns void
language plpgsql
volatile
parallel unsafe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT500',
        message = format(
            'event id %s was drawn after id %s: the feed would skip the event',
            p_id,
            p_last
        ),
        detail = (
            select
                jsonb_build_object(
                    'reason', 'the sequence does not hand out ids in order',
                    'sequence', 'evident.event_store_id_seq',
                    'cache', s.seqcache,
                    'increment', s.seqincrement,
                    'is_cycling', s.seqcycle
                )::text
            from pg_sequence as s
            where s.seqrelid = 'evident.event_store_id_seq'::regclass
        ),
        hint = 'the owner of the store runs: alter sequence'
            ' evident.event_store_id_seq increment 1 cache 1 no cycle; then all'
            ' sessions that append connect anew';
end;
$function$;

comment on function evident._refuse_sequence(bigint, bigint) is
'Raises PT500 for an id that was drawn although the sequence had given p_last before.';

revoke all on function evident._refuse_sequence(bigint, bigint) from public;
