-- evident._refuse_ledger: raise PT500, the events are not what was sealed.
--
-- Errors: PT500, always

create or replace function evident._refuse_ledger(p_size bigint, p_reason text)
returns void
language plpgsql
volatile
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception using
        errcode = 'PT500',
        message = format('the ledger of %s leaves %s', p_size, p_reason),
        detail = jsonb_build_object('tree_size', p_size, 'reason', p_reason)::text,
        hint = 'nothing is repaired by itself: evident.verify_ledger() tells where, '
            'and an export checked with evident verify tells what';
end;
$function$;

comment on function evident._refuse_ledger(bigint, text) is
'Raises PT500 with the detail {"tree_size", "reason"}.';

revoke all on function evident._refuse_ledger(bigint, text) from public;
