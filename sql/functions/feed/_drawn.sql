-- evident._drawn: the ids of all events, and the position that readers have passed.
--
-- What the sequence of the event ids has to be at or above (_refuse_behind). A view, so
-- that whoever reads the feed may look, without a right to the events, and nobody's row
-- security hides one.

create or replace view evident._drawn as
select e.id
from evident.event_store as e
union all
select s.position as id
from evident.feed_stamp as s;

comment on view evident._drawn is
'The ids of all events, and the newest stamp: numbers that must not be drawn again.';

revoke all on table evident._drawn from public;
grant select on table evident._drawn to
evident_reader, evident_consumer, evident_operator, evident_auditor, evident_monitor;
