-- Appends with one snapshot that do not ask whether rows were repaired since.

select pg_temp.spoil('evident._share_projection(text)', 'for share', 'limit 0');
