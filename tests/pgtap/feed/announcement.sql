begin;
select plan(8);

select is_empty(
    $$ select a.pid from evident.announcement as a where a.pid = pg_backend_pid() $$,
    'nothing is announced without an append'
);

-- The position of a key in 17757: 5 bits e, 18 bits m, 25 random ones.
create function pg_temp.announced(p_key bigint)
returns bigint[]
language plpgsql
as $function$
declare
    v_positions bigint[];
begin
    perform pg_advisory_xact_lock_shared(p_key);
    select array_agg(a.position) into v_positions
    from evident.announcement as a
    where a.pid = pg_backend_pid();
    raise exception using errcode = 'ZZ000', message = 'undo';
exception
    when sqlstate 'ZZ000' then
        return v_positions;
end;
$function$;

select is(
    pg_temp.announced((c.space << 48) | c.key),
    c.positions,
    format('a lock in %s with the key %s announces %s', c.space, c.key, c.positions)
)
from (
    values
    (17750::bigint, 7::bigint, array[7::bigint]),
    (17750, 281474976710655, '{281474976710655}'),
    (17757, 33554431, '{0}'),
    (17757, (262143::bigint << 25) | 5, '{262143}'),
    (17757, (30::bigint << 43) | (262143::bigint << 25), '{281473902968832}'),
    (17751, 7, null)
) as c (space, key, positions);

select is(
    pg_temp.announced((17750::bigint << 48) | 7),
    array[7::bigint],
    'an announcement counts once'
);

select * from finish();
rollback;
