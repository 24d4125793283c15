begin;
select plan(6);
\ir ../helpers/refusal.psql

select is(
    pg_temp.permitted('select evident.fingerprint()'),
    array['evident_auditor', 'evident_operator'],
    'operators and auditors may ask for the fingerprint'
);
select matches(
    evident.fingerprint(), '^[0-9a-f]{64}$', 'the fingerprint is a SHA-256'
);

select evident.fingerprint() \gset

create role evident_test_login;
grant evident_owner, evident_writer to evident_test_login;
select evident.drop_projection('shop.orders_summary');
set local quote_all_identifiers = on;
set local datestyle = 'German';
set local search_path = evident, tap, pg_catalog;
select is(
    evident.fingerprint(), :'fingerprint',
    'it is the same whatever the logins, the projections and the session'
);
reset search_path;

select evident._record_baseline();
create function evident.forged()
returns integer
language sql
return 1;
select isnt(
    evident.fingerprint(), :'fingerprint', 'a function that was added changes it'
);
select evident._record_baseline();
select isnt(evident.fingerprint(), :'fingerprint', 'also when that was recorded');
drop function evident.forged();
select is(evident.fingerprint(), :'fingerprint', 'until the function is gone');

select * from finish();
rollback;
