-- rebuild_projection that puts a name between quotes of its own.

select pg_temp.spoil(
    'evident.rebuild_projection(text, integer, integer)',
    'where f.projection = %L and %s',
    'where f.projection = ''''%s'''' and %s'
);
