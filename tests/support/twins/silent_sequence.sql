-- A feed that ends where its sequence does, and says nothing.

create or replace function evident._refuse_behind(p_may_start boolean default false)
returns void
language sql
volatile
begin atomic
    select where p_may_start is null;
end;
