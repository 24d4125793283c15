-- drop_projection that takes a name as it is, without the quotes around it.

select pg_temp.spoil(
    'evident.drop_projection(text, text, text, boolean)',
    'foreach v_form in array',
    'execute ''drop view if exists evident.events_of_''
        || replace((parse_ident(p_name))[2], ''"'', '''');
    foreach v_form in array'
);
