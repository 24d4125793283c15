-- evident.inclusion_proof: what proves that an event is in the tree.
--
-- RFC 6962, 2.1.1, the audit path. Whoever has the event, the proof and a signed
-- checkpoint of that size can check it without this database.
--
-- The quotes are for sqlfluff, which takes hashes for a keyword.
--
-- Errors: PT400, PT404; 0A000 in a database that is not UTF8

create or replace function evident.inclusion_proof(
    p_event_id uuid,
    p_size bigint default null
)
returns table (leaf_index bigint, tree_size bigint, "hashes" bytea[])
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set enable_seqscan = off
as $function$
declare
    v_head evident.tree_head := evident._tree_head();
    v_id bigint;
begin
    perform evident.require_utf8();
    perform evident._require_log();
    if p_size is not null then
        perform evident._check_tree_size('p_size', p_size, 1);
    end if;

    select e.id
    into v_id
    from evident.event_store as e
    where e.event_id = p_event_id;

    if not found then
        raise exception using
            errcode = 'PT404',
            message = format('no event %s', coalesce(p_event_id::text, 'null')),
            detail = jsonb_build_object('name', p_event_id)::text,
            hint = 'give the event_id of a stored event';
    end if;
    if v_id > v_head.last_event_id then
        perform evident._refuse_argument(
            'p_event_id',
            format('event %s is not sealed yet', p_event_id),
            'evident.seal() seals it, once it is at or below the safe position'
        );
    end if;

    leaf_index := evident._leaf_index(v_id, v_head.tree_size);
    tree_size := coalesce(p_size, v_head.tree_size);
    if leaf_index >= tree_size then
        perform evident._refuse_argument(
            'p_size',
            format('the tree of %s leaves ends before leaf %s', tree_size, leaf_index),
            'give a larger size'
        );
    end if;
    hashes := (evident._audit_path(leaf_index, 0, tree_size))[2:];
    return next;
end;
$function$;

comment on function evident.inclusion_proof(uuid, bigint) is
'The place of an event in the ledger and the RFC 6962 audit path: the hashes that lead
from its leaf_hash to root_hash(tree_size), from the leaf''s sibling upwards, 32 bytes
each. Without p_size for the newest tree head. Errors: PT404 no such event; PT400 not
sealed yet, or not in a tree of that size; 0A000 in a database that is not UTF8.';

revoke all on function evident.inclusion_proof(uuid, bigint) from public;
grant execute on function evident.inclusion_proof(uuid, bigint) to evident_auditor;
