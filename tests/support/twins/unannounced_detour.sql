-- An append whose key is held by another goes on without an announcement.

create or replace function evident._announce_again()
returns boolean
language plpgsql
volatile
as $function$
begin
    perform pg_try_advisory_xact_lock_shared(
        (17750::bigint << 48) | coalesce(
            pg_sequence_last_value('evident.event_store_id_seq'::regclass), 0
        )
    );
    return true;
end;
$function$;
