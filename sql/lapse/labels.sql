-- Purpose: did the household place no order in the horizon?
-- Grain: one row per household of the cohort.
-- Parameters: :as_of_start, :label_end (exclusive). Sources hold only facts learned within the grace.
-- Columns: entity_id; label (1 = lapsed, 0 = ordered).
with returned as (
    select distinct household_id from orders where ordered_at >= :as_of_start and ordered_at < :label_end
)

select
    cohort.entity_id,
    (returned.household_id is null)::integer as label
from cohort
left join returned on cohort.entity_id = returned.household_id
