-- Purpose: was the subscription cancelled in the horizon?
-- Grain: one row per subscription of the cohort.
-- Parameters: :as_of_start, :label_end (exclusive). Sources hold only facts learned within the grace.
-- Columns: entity_id; label (1 = cancelled, 0 = still active).
select
    cohort.entity_id,
    (status = 'cancelled' and changed_at >= :as_of_start and changed_at < :label_end)::integer as label
from cohort
inner join subscriptions on cohort.entity_id = subscriptions.subscription_id
