-- Fold steps whose bodies stand between dollars, which a name may hold too.

select pg_temp.spoil(
    'evident._sql_folding_function(evident.projection, text)',
    '%L',
    '$step$%s$step$'
);
