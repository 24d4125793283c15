-- rebuild_projection that asks for the read model for a moment, and then waits for its
-- rows as long as it takes, while appends wait for the read model.

select pg_temp.spoil(
    'evident._finish_rebuild(evident.projection, evident.projection, integer, integer,
    text, text, bigint, bigint, boolean)',
    $$perform set_config('lock_timeout', '150ms', true);$$,
    $$perform set_config('lock_timeout', '0', true);$$
);
