-- Purpose: did the household spend less than half of its usual in the horizon?
-- Grain: one row per household of the cohort.
-- Parameters: :as_of_start, :label_end (exclusive), :horizon_days. Sources hold only facts learned within the grace, of the 84
-- days before the as_of and of the horizon.
-- Columns: entity_id; label (1 = dropped, 0 = not). Usual is the mean of three horizons' worth of days: the 84 before the as_of.
-- An order without an amount leaves both sums unknown; the label is then null, which is refused: never a guess.
with spending as (
    select
        household_id,
        coalesce(sum(amount_cents) filter (where ordered_at < :as_of_start), 0) as cents_before,
        coalesce(sum(amount_cents) filter (where ordered_at >= :as_of_start and ordered_at < :label_end), 0) as cents_after,
        bool_or(amount_cents is null) as is_unknown
    from orders
    group by household_id
)

select
    cohort.entity_id,
    case when not spending.is_unknown then (cents_after * 84 < 0.5 * cents_before * :horizon_days)::integer end as label
from cohort
left join spending on cohort.entity_id = spending.household_id
