-- Purpose: how much did the household spend in the horizon?
-- Grain: one row per household of the cohort.
-- Parameters: :as_of_start, :label_end (exclusive). Sources hold only facts learned within the grace.
-- Columns: entity_id; label (dollars; 0 for who bought nothing). An order without an amount leaves the sum unknown; the label is
-- then null, which is refused: never a guess.
with spending as (
    select
        household_id,
        sum(amount_cents) as cents,
        bool_or(amount_cents is null) as is_unknown
    from orders
    where ordered_at >= :as_of_start and ordered_at < :label_end
    group by household_id
)

select
    cohort.entity_id,
    case when not coalesce(spending.is_unknown, false) then coalesce(cents, 0) / 100.0::double precision end as label
from cohort
left join spending on cohort.entity_id = spending.household_id
