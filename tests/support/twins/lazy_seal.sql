-- Commits as the session says, which may be before the disk has it.

select pg_temp.spoil(
    'evident.seal(integer)',
    'in (''off'', ''local'', ''remote_write'')',
    'in (''never'')'
);
