-- Purpose: what a household's purchases say about how much it will spend next.
-- Grain: one row per household with an order in the 56 days before :as_of (the cohort).
-- Parameters: :as_of (date), :timezone. A day is a local calendar day; days_ago = 1 is the day before :as_of.
-- Sources hold only facts known at :as_of, of the 84 days before it: twelve weeks, three horizons.
-- Columns: entity_id; features; the segment household_size. Amounts are summed in cents, so that sums are exact, and shown in
-- dollars.
with dated_orders as (
    select
        household_id,
        store_id,
        amount_cents,
        :as_of - (ordered_at at time zone :timezone)::date as days_ago
    from orders
),

bought as (
    select
        household_id,
        min(days_ago) as recency_days,
        count(*) filter (where days_ago <= 14) as orders_14d,
        count(*) filter (where days_ago <= 28) as orders_28d,
        count(*) as orders_84d,
        count(distinct (days_ago - 1) / 7) as active_weeks_84d,
        count(distinct store_id) as stores_84d,
        max(days_ago) - min(days_ago) as days_between_first_and_last,
        coalesce(sum(amount_cents) filter (where days_ago <= 7), 0) as cents_7d,
        coalesce(sum(amount_cents) filter (where days_ago <= 14), 0) as cents_14d,
        coalesce(sum(amount_cents) filter (where days_ago <= 28), 0) as cents_28d,
        coalesce(sum(amount_cents) filter (where days_ago <= 56), 0) as cents_56d,
        coalesce(sum(amount_cents), 0) as cents_84d,
        max(amount_cents) as largest_basket_cents
    from dated_orders
    group by household_id
    having min(days_ago) <= 56
),

baskets as (
    select
        order_items.household_id,
        count(*) as items_84d,
        count(distinct products.category) as categories_84d,
        sum(order_items.amount_cents) as item_cents,
        sum(order_items.amount_cents) filter (where products.brand = 'Private') as private_brand_cents,
        sum(order_items.amount_cents) filter (where products.department = 'FUEL') as fuel_cents,
        sum(order_items.amount_cents) filter (where products.department in ('PRODUCE', 'MEAT', 'SEAFOOD', 'DELI')) as fresh_cents
    from order_items
    left join products on order_items.product_id = products.product_id
    group by order_items.household_id
)

select
    bought.household_id as entity_id,
    recency_days,
    orders_14d,
    orders_28d,
    orders_84d,
    active_weeks_84d,
    stores_84d,
    cents_7d / 100.0::double precision as spend_7d,
    cents_14d / 100.0::double precision as spend_14d,
    cents_28d / 100.0::double precision as spend_28d,
    (cents_56d - cents_28d) / 100.0::double precision as spend_28d_before,
    (cents_84d - cents_56d) / 100.0::double precision as spend_28d_oldest,
    cents_84d / 100.0::double precision as spend_84d,
    cents_84d / (100.0::double precision * orders_84d) as average_basket_84d,
    largest_basket_cents / 100.0::double precision as largest_basket_84d,
    days_between_first_and_last / nullif(orders_84d - 1, 0)::double precision as gap_mean_days,
    coalesce(items_84d, 0) / orders_84d::double precision as items_per_order_84d,
    coalesce(categories_84d, 0) as categories_84d,
    coalesce(private_brand_cents, 0) / nullif(item_cents, 0)::double precision as private_brand_share_84d,
    coalesce(fuel_cents, 0) / nullif(item_cents, 0)::double precision as fuel_share_84d,
    coalesce(fresh_cents, 0) / nullif(item_cents, 0)::double precision as fresh_share_84d,
    coalesce(customers.household_size, 'unknown') as household_size
from bought
left join baskets on bought.household_id = baskets.household_id
left join customers on bought.household_id = customers.household_id
