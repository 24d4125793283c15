begin;
select plan(2);

select set_eq(
    $$ select c.code
    from unnest(array[
        '08006', '25006', '40001', '40P01', '53100', '55000', '55P03', '57014',
        '57P01', '58030', 'XX000', 'XX001'
    ]) as c (code)
    where not evident._is_fold_error(c.code) $$,
    $$ values
    ('08006'), ('25006'), ('40001'), ('40P01'), ('53100'), ('55000'), ('55P03'),
    ('57014'), ('57P01'), ('58030'), ('XX000'), ('XX001') $$,
    'errors of the server, the session and other transactions are not the fold''s'
);
select set_eq(
    $$ select c.code
    from unnest(array[
        '0A000', '20000', '21000', '22012', '22P02', '23502', '23514', '42883', '44000',
        '54000', 'P0001', 'P0004', 'PT409', 'ZZ001'
    ]) as c (code)
    where evident._is_fold_error(c.code) $$,
    $$ values
    ('0A000'), ('20000'), ('21000'), ('22012'), ('22P02'), ('23502'), ('23514'),
    ('42883'), ('44000'), ('54000'), ('P0001'), ('P0004'), ('PT409'), ('ZZ001') $$,
    'all others are'
);

select * from finish();
rollback;
