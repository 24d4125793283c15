-- evident.record_publication: note that a checkpoint was published.
--
-- For the status, and for exports, which hand out the newest published checkpoint.
-- The signature is not checked here, and this note proves nothing: the copies outside
-- the database do.
--
-- Errors: PT400; 0A000 in a database that is not UTF8; 25006 on a standby

create or replace function evident.record_publication(p_checkpoint text)
returns void
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_line text[];
    v_head evident.tree_head;
begin
    perform evident.require_utf8();
    perform evident._require_log();
    if octet_length(p_checkpoint) > 65536 then
        perform evident._refuse_argument(
            'p_checkpoint', 'longer than 65536 bytes', 'publish with evident publish'
        );
    end if;
    v_line := string_to_array(p_checkpoint, chr(10));
    select h.*
    into v_head
    from evident.tree_head as h
    where
        h.tree_size = case when v_line[2] ~ '^[0-9]{1,18}$' then v_line[2]::bigint end
        and h.tree_size::text = v_line[2]
        and encode(h.root_hash, 'base64') = v_line[3]
        and evident._log_origin() = v_line[1]
        and v_line[4] = ''
        and v_line[5] like (chr(8212) || ' %')
    order by h.number
    limit 1;

    if not found then
        perform evident._refuse_argument(
            'p_checkpoint',
            'not a signed checkpoint of one of this log''s tree heads',
            'publish with evident publish'
        );
    end if;

    insert into evident.ledger_publication (incarnation, tree_size, checkpoint)
    values (
        (evident._log_identity()).incarnation, v_head.tree_size, p_checkpoint
    );
end;
$function$;

comment on function evident.record_publication(text) is
'Stores a signed checkpoint that was published outside: three lines (origin, tree size,
base64 root), an empty one, signatures; 65,536 bytes at most. Errors: PT400 when it is
longer, or not one of this log''s tree heads; 0A000 in a database that is not UTF8.';

revoke all on function evident.record_publication(text) from public;
grant execute on function evident.record_publication(text) to evident_auditor;
