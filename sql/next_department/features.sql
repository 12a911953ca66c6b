-- Purpose: where a household has spent so far, groceries beside the rest.
-- Grain: one row per household with an order in the 56 days before :as_of (the cohort).
-- Parameters: :as_of (date), :timezone. A day is a local calendar day; days_ago = 1 is the day before :as_of.
-- Sources hold only facts known at :as_of, of the 84 days before it: twelve weeks, three horizons.
-- Columns: entity_id; features; the segment household_size. Amounts are summed in cents, so that sums are exact, and shown in
-- dollars; shares are of what was spent beside groceries, and null where that is nothing.
with visits as (
    select
        household_id,
        min(:as_of - (ordered_at at time zone :timezone)::date) as recency_days,
        count(*) as orders_84d,
        count(*) filter (where :as_of - (ordered_at at time zone :timezone)::date <= 28) as orders_28d
    from orders
    group by household_id
    having min(:as_of - (ordered_at at time zone :timezone)::date) <= 56
),

lines as (
    select
        order_items.household_id,
        order_items.amount_cents as cents,
        :as_of - (order_items.ordered_at at time zone :timezone)::date as days_ago,
        coalesce(products.department, 'UNKNOWN') as department
    from order_items
    left join products on order_items.product_id = products.product_id
),

bought as (
    select
        household_id,
        sum(cents) filter (where department = 'GROCERY') as grocery,
        sum(cents) filter (where department <> 'GROCERY') as beside,
        sum(cents) filter (where department <> 'GROCERY' and days_ago <= 28) as beside_28d,
        sum(cents) filter (where department = 'DRUG GM') as drug,
        sum(cents) filter (where department = 'DRUG GM' and days_ago <= 28) as drug_28d,
        sum(cents) filter (where department = 'FUEL') as fuel,
        sum(cents) filter (where department = 'FUEL' and days_ago <= 28) as fuel_28d,
        sum(cents) filter (where department = 'PRODUCE') as produce,
        sum(cents) filter (where department = 'PRODUCE' and days_ago <= 28) as produce_28d,
        sum(cents) filter (where department = 'MEAT') as meat,
        sum(cents) filter (where department = 'MEAT' and days_ago <= 28) as meat_28d,
        sum(cents) filter (where department = 'MEAT-PCKGD') as packaged_meat,
        sum(cents) filter (where department = 'MEAT-PCKGD' and days_ago <= 28) as packaged_meat_28d,
        sum(cents) filter (where department = 'DELI') as deli,
        sum(cents) filter (where department = 'DELI' and days_ago <= 28) as deli_28d,
        count(distinct department) as departments
    from lines
    group by household_id
)

select
    visits.household_id as entity_id,
    recency_days,
    orders_84d,
    orders_28d,
    coalesce(departments, 0) as departments_84d,
    coalesce(grocery, 0) / 100.0::double precision as grocery_84d,
    coalesce(beside, 0) / 100.0::double precision as beside_84d,
    coalesce(beside_28d, 0) / 100.0::double precision as beside_28d,
    coalesce(drug, 0) / nullif(beside, 0)::double precision as drug_share_84d,
    coalesce(drug_28d, 0) / nullif(beside_28d, 0)::double precision as drug_share_28d,
    coalesce(fuel, 0) / nullif(beside, 0)::double precision as fuel_share_84d,
    coalesce(fuel_28d, 0) / nullif(beside_28d, 0)::double precision as fuel_share_28d,
    coalesce(produce, 0) / nullif(beside, 0)::double precision as produce_share_84d,
    coalesce(produce_28d, 0) / nullif(beside_28d, 0)::double precision as produce_share_28d,
    coalesce(meat, 0) / nullif(beside, 0)::double precision as meat_share_84d,
    coalesce(meat_28d, 0) / nullif(beside_28d, 0)::double precision as meat_share_28d,
    coalesce(packaged_meat, 0) / nullif(beside, 0)::double precision as packaged_meat_share_84d,
    coalesce(packaged_meat_28d, 0) / nullif(beside_28d, 0)::double precision as packaged_meat_share_28d,
    coalesce(deli, 0) / nullif(beside, 0)::double precision as deli_share_84d,
    coalesce(deli_28d, 0) / nullif(beside_28d, 0)::double precision as deli_share_28d,
    coalesce(customers.household_size, 'unknown') as household_size
from visits
left join bought on visits.household_id = bought.household_id
left join customers on visits.household_id = customers.household_id
