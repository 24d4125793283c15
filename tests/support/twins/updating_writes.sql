-- Rows are updated one after the other, whatever else than the key must be unique.

select pg_temp.spoil(
    'evident._projection_replaces(evident.projection)',
    'i.indisunique OR i.indisexclusion',
    'false'
);
