-- evident._tree_head: the newest tree head.

create or replace function evident._tree_head()
returns evident.tree_head
language sql
stable
parallel safe
begin atomic
    select h
    from evident.tree_head as h
    order by h.number desc
    limit 1;
end;

comment on function evident._tree_head() is
'The newest tree head: how far the ledger is sealed.';

revoke all on function evident._tree_head() from public;
