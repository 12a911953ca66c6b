-- Purpose: what hangs on the order of rows: sums of doubles, and lists.
-- Grain: one row per member with a visit in the 42 days before :as_of.
select
    member as entity_id,
    count(*) as visits_42d,
    sum(minutes) as minutes_42d,
    md5(string_agg(visit::text || note::text || paid, ',')) as listed
from visits
group by member
