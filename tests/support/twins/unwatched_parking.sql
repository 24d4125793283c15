-- A projection that goes live with parked keys, and refuses nothing.

select pg_temp.spoil(
    'evident._switch_triggers(evident.projection, boolean)',
    'where f.projection = p_projection.name',
    'where false'
);
