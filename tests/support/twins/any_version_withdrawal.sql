-- shop.withdraw that decides on the balance, and then appends at any version.

select pg_temp.spoil(
    'shop.withdraw(uuid, numeric, uuid)',
    'v_account.version,',
    '-1,'
);
