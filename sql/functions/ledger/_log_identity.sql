-- evident._log_identity: which log this is, and in which incarnation.

create or replace function evident._log_identity()
returns evident.log_identity
language sql
stable
parallel safe
begin atomic
    select i
    from evident.log_identity as i
    order by i.incarnation desc
    limit 1;
end;

comment on function evident._log_identity() is
'The newest incarnation of the log.';

revoke all on function evident._log_identity() from public;
