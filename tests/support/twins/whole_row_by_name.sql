-- A stored row is read by the name of the table's alias, which a column may have.

select pg_temp.spoil(
    'evident._sql_stored_row(evident.projection, text)',
    'row(s.*)',
    's'
);
