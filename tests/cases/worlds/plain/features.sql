-- Purpose: how often a member came lately.
-- Grain: one row per member with a visit in the 42 days before :as_of.
select
    member as entity_id,
    count(*) as visits_42d,
    count(*) filter (where entered_at >= :as_of_start - interval '10 days') as visits_10d,
    sum(minutes::numeric)::double precision as minutes_42d,
    :as_of - max((entered_at at time zone :timezone)::date) as days_away
from visits
group by member
