-- Fold steps whose bodies stand between dollars, which a name may hold too.

select pg_temp.spoil(
    'evident._make_fold(evident.projection, regprocedure, regprocedure)',
    'as %5$L;',
    'as $step$%5$s$step$;'
);
