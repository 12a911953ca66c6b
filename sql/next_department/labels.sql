-- Purpose: in which department, groceries aside, did the household spend most in the horizon?
-- Grain: one row per household of the cohort.
-- Parameters: :as_of_start, :label_end (exclusive). Sources hold only facts learned within the grace.
-- Columns: entity_id; label: the department, 'other' for the small ones together, 'none' for who spent nothing there. Of equal
-- sums the first by name.
with spending as (
    select
        order_items.household_id,
        case
            when products.department in ('DRUG GM', 'FUEL', 'PRODUCE', 'MEAT', 'MEAT-PCKGD', 'DELI')
                then lower(replace(products.department, ' ', '_'))
            else 'other'
        end as department,
        sum(order_items.amount_cents) as cents
    from order_items
    left join products on order_items.product_id = products.product_id
    where
        order_items.ordered_at >= :as_of_start and order_items.ordered_at < :label_end
        and coalesce(products.department, 'UNKNOWN') <> 'GROCERY'
    group by 1, 2
),

most as (
    select distinct on (household_id) household_id, department
    from spending
    where cents > 0
    order by household_id asc, cents desc, department asc
)

select
    cohort.entity_id,
    coalesce(most.department, 'none') as label
from cohort
left join most on cohort.entity_id = most.household_id
