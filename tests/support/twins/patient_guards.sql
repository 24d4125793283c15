-- Waits for whoever has an own event that is not committed, and the sealer with it.

select pg_temp.spoil(
    'evident._attest()',
    'lock_timeout TO ''100ms''',
    'lock_timeout TO ''0'''
);
