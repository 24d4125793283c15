-- run_projection that commits its checkpoint on a connection of its own, before the
-- transaction that folds.

create extension dblink with schema public;
grant usage on schema public to evident_owner;
grant execute on function public.dblink_connect_u(text, text) to evident_owner;

-- The owner may not look up where the server's socket is.
select pg_temp.spoil(
    'evident.run_projection(text, bigint)',
    'if v_count > 0 then',
    format(
        'perform public.dblink_connect_u(''checkpoint'', %L);',
        format(
            'host=%s port=%s dbname=%s user=postgres',
            current_setting('unix_socket_directories'),
            current_setting('port'),
            current_database()
        )
    )
    || $$
    perform public.dblink_exec(
        'checkpoint',
        format(
            'update evident.projection set position = %s where name = %L',
            v_until, p_name
        )
    );
    perform public.dblink_disconnect('checkpoint');
    if v_count > 0 then$$
);
select pg_temp.spoil(
    'evident.run_projection(text, bigint)',
    'if v_until > v_projection.position then',
    'if false then'
);
