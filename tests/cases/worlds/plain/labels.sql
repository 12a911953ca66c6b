-- Purpose: did the member stay away?
-- Grain: one row per member of the cohort.
select
    cohort.entity_id,
    not exists (
        select
        from visits
        where visits.member = cohort.entity_id and entered_at >= :as_of_start and entered_at < :label_end
    ) as label
from cohort
