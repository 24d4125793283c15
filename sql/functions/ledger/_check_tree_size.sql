-- evident._check_tree_size: refuse a tree size that the ledger has not reached.
--
-- Errors: PT400

create or replace function evident._check_tree_size(
    p_argument text,
    p_size bigint,
    p_least bigint
)
returns void
language plpgsql
stable
parallel safe
set search_path = pg_catalog, pg_temp
as $function$
declare
    v_size bigint := coalesce((evident._tree_head()).tree_size, 0);
begin
    if p_size between p_least and v_size then
        return;
    end if;
    perform evident._refuse_argument(
        p_argument,
        case
            when p_size is null then 'is null'
            when p_size < p_least then format('%s is below %s', p_size, p_least)
            else format('%s is beyond the tree, which has %s leaves', p_size, v_size)
        end,
        format('give a tree size from %s to %s', p_least, v_size)
    );
end;
$function$;

comment on function evident._check_tree_size(text, bigint, bigint) is
'Raises PT400 unless the size is between p_least and the number of sealed leaves.';

revoke all on function evident._check_tree_size(text, bigint, bigint) from public;
