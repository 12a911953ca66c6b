-- Purpose: how often will the member come? The names of classes are such as people think of.
-- Grain: one row per member of the cohort.
with came as (
    select member, count(*) as visits
    from visits
    where entered_at >= :as_of_start and entered_at < :label_end
    group by member
)

select
    cohort.entity_id,
    case when coalesce(visits, 0) = 0 then 'never' when visits < 3 then $$a "few" 'times'$$ else 'often, 100%' end as label
from cohort
left join came on cohort.entity_id = came.member
