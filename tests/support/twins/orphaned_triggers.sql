-- Leaves the triggers as they are that came without their registration.

select pg_temp.spoil(
    'evident.create_projection(
        regclass,regprocedure,text[],text,regprocedure,boolean
    )',
    'perform evident._lock_making();
            perform evident._switch_triggers(v_new, false);',
    'null;'
);
