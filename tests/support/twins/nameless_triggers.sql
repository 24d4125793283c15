-- An error of an event trigger that stays as it came.

select pg_temp.spoil(
    'evident._refuse_ddl(text, text, text, text)',
    'if v_triggers is null',
    'if true'
);
