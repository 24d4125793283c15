-- rebuild_projection that puts a name between quotes of its own.

select pg_temp.spoil(
    'evident._finish_rebuild(evident.projection, evident.projection, integer, integer,
    text, text, bigint, bigint, boolean)',
    'where f.projection = %L and %s',
    'where f.projection = ''''%s'''' and %s'
);
