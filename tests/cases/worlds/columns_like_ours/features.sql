-- Purpose: the features of `plain`, and some that are called like columns and tables of Perennial's own.
-- Grain: one row per member with a visit in the 42 days before :as_of; m39 has none, for its suite to reject.
select
    member as entity_id,
    case member when 'm39' then 0 else count(*) end as visits_42d,
    count(*) filter (where entered_at >= :as_of_start - interval '10 days')::double precision as label,
    case member when 'm39' then 7 else max(minutes) end as features,
    min(minutes) as score,
    max((entered_at at time zone :timezone)::date) - :as_of as labels,
    count(distinct date_trunc('week', entered_at at time zone :timezone)) as known_at,
    count(*) % 3 as rank,
    case when count(*) > 9 then 'often' else 'seldom' end as f0
from visits
group by member
