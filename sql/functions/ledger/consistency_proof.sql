-- evident.consistency_proof: what proves that a tree only grew.
--
-- RFC 6962, 2.1.2. The proof starts at the root of the last perfect subtree of the
-- smaller tree; where that is the whole smaller tree, its root is known and left out.
--
-- Errors: PT400; 0A000 in a database that is not UTF8

create or replace function evident.consistency_proof(p_size1 bigint, p_size2 bigint)
returns bytea[]
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
set row_security = off
as $function$
declare
    v_height integer := 0;
    v_path bytea[];
begin
    perform evident.require_utf8();
    perform evident._require_log();
    perform evident._check_tree_size('p_size1', p_size1, 1);
    perform evident._check_tree_size('p_size2', p_size2, 1);
    if p_size1 > p_size2 then
        perform evident._refuse_argument(
            'p_size1',
            format('%s is more than %s', p_size1, p_size2),
            'give the smaller size first'
        );
    end if;
    if p_size1 = p_size2 then
        return '{}'::bytea[];
    end if;

    -- Ends: the size is above 0, so one of its bits is set.
    while (p_size1 >> v_height) & 1 = 0 loop
        v_height := v_height + 1;
    end loop;
    v_path := evident._audit_path(p_size1 - 1, v_height, p_size2);
    return case when p_size1 >> v_height = 1 then v_path[2:] else v_path end;
end;
$function$;

comment on function evident.consistency_proof(bigint, bigint) is
'The RFC 6962 proof, hashes of 32 bytes each, that the tree of p_size2 leaves begins
with the tree of p_size1 leaves. Sizes from 1, the smaller first; empty for equal sizes.
Errors: PT400 sizes beyond the tree or in the wrong order; 0A000 in a database that is
not UTF8.';

revoke all on function evident.consistency_proof(bigint, bigint) from public;
grant execute on function evident.consistency_proof(bigint, bigint) to
evident_auditor;
