-- Purpose: was the bicycle repaired in the horizon?
-- Grain: one row per bicycle of the cohort. Parameters: :as_of_start, :label_end (exclusive).
-- Columns: entity_id; label (1 = repaired).
with repaired as (
    select distinct bike from repairs where repaired_at >= :as_of_start and repaired_at < :label_end
)

select
    cohort.entity_id,
    (repaired.bike is not null)::integer as label
from cohort
left join repaired on cohort.entity_id = repaired.bike
