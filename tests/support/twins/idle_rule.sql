-- create_projection that lets an invariant catch up when it is registered anew.

select pg_temp.spoil(
    'evident.create_projection(
        regclass, regprocedure, text[], text, regprocedure, boolean
    )',
    'is_invariant = v_new.is_invariant',
    'is_invariant = v_new.is_invariant, state = ''catching_up'''
);
select pg_temp.spoil(
    'evident.create_projection(
        regclass, regprocedure, text[], text, regprocedure, boolean
    )',
    'if v_new.mode = ''sync'' and v_new.state = ''running'' then
        perform evident._switch_triggers(v_new, true);',
    'if v_new.mode = ''sync'' and v_old.state = ''running'' then
        perform evident._switch_triggers(v_new, false);'
);
