-- evident._log_origin: the first line of this log's checkpoints.

create or replace function evident._log_origin()
returns text
language sql
stable
parallel safe
begin atomic
    select i.name || '/' || i.log_id::text || '/' || i.incarnation::text
    from evident.log_identity as i
    order by i.incarnation desc
    limit 1;
end;

comment on function evident._log_origin() is
'The origin of checkpoints: name, log uuid and incarnation, with slashes between.';

revoke all on function evident._log_origin() from public;
