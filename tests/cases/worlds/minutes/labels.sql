-- Purpose: how many minutes will the member spend here?
-- Grain: one row per member of the cohort.
with stayed as (
    select member, sum(minutes::numeric)::double precision as minutes
    from visits
    where entered_at >= :as_of_start and entered_at < :label_end
    group by member
)

select cohort.entity_id, coalesce(stayed.minutes, 0) as label
from cohort
left join stayed on cohort.entity_id = stayed.member
