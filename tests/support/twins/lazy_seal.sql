-- Commits as the session says, which may be before the disk has it.

select pg_temp.spoil(
    'evident.seal(bigint)',
    'in (''off'', ''local'', ''remote_write'')',
    'in (''never'')'
);
