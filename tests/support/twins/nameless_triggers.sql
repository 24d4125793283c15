-- An error of an event trigger that stays as it came.

select pg_temp.spoil(
    'evident._run_ddl(text, boolean)',
    'if v_triggers is null',
    'if true'
);
