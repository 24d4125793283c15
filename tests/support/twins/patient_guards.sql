-- Waits for whoever keeps the log's own aggregate, and the sealer with it.

select pg_temp.spoil(
    'evident._attest_guards()',
    'lock_timeout TO ''100ms''',
    'lock_timeout TO ''0'''
);
