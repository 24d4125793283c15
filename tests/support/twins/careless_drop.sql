-- drop_projection that takes a name as it is, without the quotes around it.

select pg_temp.spoil(
    'evident.drop_projection(text)',
    'evident._projection_object(v_projection, ''events_of_%s'')',
    'replace(evident._projection_object(v_projection, ''events_of_%s''), ''"'', '''')'
);
