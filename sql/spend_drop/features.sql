-- Purpose: what a household's spending says about whether it will spend less than half of its usual.
-- Grain: one row per household with three orders in the 84 days before :as_of, one of them in the last 56 (the cohort).
-- Parameters: :as_of (date), :timezone. A day is a local calendar day; days_ago = 1 is the day before :as_of.
-- Sources hold only facts known at :as_of, of the 84 days before it: three periods of 28 days, twelve weeks.
-- Columns: entity_id; features; the segments household_size and spend_tier. Amounts are summed in cents, so that sums are
-- exact, and shown in dollars. `usual` is a third of what was spent in the 84 days: the label measures against it.
with dated_orders as (
    select
        orders.household_id,
        orders.store_id,
        orders.amount_cents,
        :as_of - (orders.ordered_at at time zone :timezone)::date as days_ago
    from orders
),

spending_by_week as (
    select
        household_id,
        (days_ago - 1) / 7 as weeks_ago,
        sum(amount_cents) as cents
    from dated_orders
    group by household_id, (days_ago - 1) / 7
),

-- A week without an order has no row above; it counts as zero through the twelve that the sums are divided by.
rhythm_of_weeks as (
    select
        household_id,
        count(*) as active_weeks_84d,
        max(cents) as best_week_cents,
        sqrt(greatest(12 * sum(cents::double precision ^ 2) - sum(cents::double precision) ^ 2, 0)) / 12 as deviation_cents
    from spending_by_week
    group by household_id
),

spending as (
    select
        household_id,
        min(days_ago) as recency_days,
        count(*) filter (where days_ago <= 28) as orders_28d,
        count(*) as orders_84d,
        sum(amount_cents) filter (where days_ago <= 14) as cents_14d,
        sum(amount_cents) filter (where days_ago <= 28) as cents_28d,
        sum(amount_cents) filter (where days_ago between 29 and 56) as cents_28d_before,
        sum(amount_cents) filter (where days_ago > 56) as cents_28d_oldest,
        sum(amount_cents) as cents_84d,
        max(amount_cents) as largest_basket_cents,
        max(days_ago) - min(days_ago) as days_between_first_and_last,
        count(distinct store_id) as stores_84d
    from dated_orders
    group by household_id
    having count(*) >= 3 and min(days_ago) <= 56
),

baskets as (
    select
        order_items.household_id,
        count(*) as items_84d,
        count(distinct products.department) as departments_84d,
        count(distinct products.category) as categories_84d,
        sum(order_items.amount_cents) as item_cents,
        sum(order_items.retail_discount_cents) as retail_discount_cents,
        sum(order_items.coupon_discount_cents) as coupon_discount_cents,
        sum(order_items.amount_cents) filter (where products.brand = 'Private') as private_brand_cents,
        sum(order_items.amount_cents) filter (where products.department = 'FUEL') as fuel_cents,
        sum(order_items.amount_cents) filter (where products.department in ('PRODUCE', 'MEAT', 'SEAFOOD', 'DELI')) as fresh_cents,
        sum(order_items.amount_cents) filter (where products.department like 'DRUG%') as drugstore_cents
    from order_items
    left join products on order_items.product_id = products.product_id
    group by order_items.household_id
),

campaigns_now_open as (
    select campaign_members.household_id, count(*) as open_campaigns
    from campaign_members
    inner join campaigns on campaign_members.campaign_id = campaigns.campaign_id
    where campaigns.starts_on < :as_of and campaigns.ends_on >= :as_of
    group by campaign_members.household_id
),

coupons_redeemed as (
    select household_id, count(*) as coupon_redemptions_84d from coupon_redemptions group by household_id
)

select
    spending.household_id as entity_id,
    recency_days,
    orders_28d,
    orders_84d,
    cents_84d / 300.0::double precision as usual_spend,
    coalesce(cents_14d, 0) / 100.0::double precision as spend_14d,
    coalesce(cents_28d, 0) / 100.0::double precision as spend_28d,
    coalesce(cents_28d_before, 0) / 100.0::double precision as spend_28d_before,
    coalesce(cents_28d_oldest, 0) / 100.0::double precision as spend_28d_oldest,
    3.0::double precision * coalesce(cents_28d, 0) / nullif(cents_84d, 0) as spend_over_usual,
    3.0::double precision * orders_28d / orders_84d as orders_over_usual,
    3.0::double precision * least(coalesce(cents_28d, 0), coalesce(cents_28d_before, 0), coalesce(cents_28d_oldest, 0))
        / nullif(cents_84d, 0) as poorest_period_over_usual,
    cents_84d / (100.0::double precision * orders_84d) as average_basket_84d,
    cents_28d / (100.0::double precision * nullif(orders_28d, 0)) as average_basket_28d,
    largest_basket_cents / nullif(cents_84d, 0)::double precision as largest_basket_share_84d,
    best_week_cents / nullif(cents_84d, 0)::double precision as best_week_share_84d,
    12.0::double precision * deviation_cents / nullif(cents_84d, 0) as weekly_variation_84d,
    active_weeks_84d,
    days_between_first_and_last / (orders_84d - 1)::double precision as gap_mean_days,
    recency_days * (orders_84d - 1) / nullif(days_between_first_and_last, 0)::double precision as recency_over_gap,
    stores_84d,
    coalesce(items_84d, 0) / orders_84d::double precision as items_per_order_84d,
    coalesce(departments_84d, 0) as departments_84d,
    coalesce(categories_84d, 0) as categories_84d,
    retail_discount_cents / nullif(item_cents + retail_discount_cents, 0)::double precision as retail_discount_share_84d,
    coupon_discount_cents / nullif(item_cents + coupon_discount_cents, 0)::double precision as coupon_discount_share_84d,
    coalesce(private_brand_cents, 0) / nullif(item_cents, 0)::double precision as private_brand_share_84d,
    coalesce(fuel_cents, 0) / nullif(item_cents, 0)::double precision as fuel_share_84d,
    coalesce(fresh_cents, 0) / nullif(item_cents, 0)::double precision as fresh_share_84d,
    coalesce(drugstore_cents, 0) / nullif(item_cents, 0)::double precision as drugstore_share_84d,
    coalesce(open_campaigns, 0) as open_campaigns,
    coalesce(coupon_redemptions_84d, 0) as coupon_redemptions_84d,
    coalesce(customers.household_size, 'unknown') as household_size,
    case ntile(3) over (order by coalesce(cents_84d, 0), spending.household_id)
        when 1 then 'low' when 2 then 'middle' else 'high'
    end as spend_tier
from spending
inner join rhythm_of_weeks on spending.household_id = rhythm_of_weeks.household_id
left join baskets on spending.household_id = baskets.household_id
left join campaigns_now_open on spending.household_id = campaigns_now_open.household_id
left join coupons_redeemed on spending.household_id = coupons_redeemed.household_id
left join customers on spending.household_id = customers.household_id
