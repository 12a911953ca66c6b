-- Purpose: what a household's purchases say about whether it will come back.
-- Grain: one row per household with an order in the 56 days before :as_of (the cohort).
-- Parameters: :as_of (date), :timezone. A day is a local calendar day; days_ago = 1 is the day before :as_of.
-- Sources hold only facts known at :as_of; their windows of 84 days bound what is summed here.
-- Columns: entity_id; features; the segments income and spend_tier. Amounts are summed in cents, so that sums are exact,
-- and shown in dollars. Null means that there is nothing to measure (one order has no gap).
with dated_orders as (
    select
        orders.household_id,
        orders.store_id,
        orders.amount_cents,
        orders.ordered_at at time zone :timezone as local_time,
        :as_of - (orders.ordered_at at time zone :timezone)::date as days_ago
    from orders
),

orders_with_gaps as (
    select
        *,
        lag(days_ago) over (partition by household_id order by days_ago desc, local_time) - days_ago as gap_days
    from dated_orders
),

order_habits as (
    select
        household_id,
        min(days_ago) as recency_days,
        max(days_ago) as tenure_days,
        count(*) filter (where days_ago <= 7) as orders_7d,
        count(*) filter (where days_ago <= 14) as orders_14d,
        count(*) filter (where days_ago <= 28) as orders_28d,
        count(*) filter (where days_ago <= 56) as orders_56d,
        count(*) filter (where days_ago <= 84) as orders_84d,
        sum(amount_cents) filter (where days_ago <= 7) as cents_7d,
        sum(amount_cents) filter (where days_ago <= 28) as cents_28d,
        sum(amount_cents) filter (where days_ago <= 56) as cents_56d,
        sum(amount_cents) filter (where days_ago <= 84) as cents_84d,
        sum(gap_days) filter (where days_ago <= 84) as gaps_sum,
        sum(gap_days * gap_days) filter (where days_ago <= 84) as gaps_squared_sum,
        count(gap_days) filter (where days_ago <= 84) as gaps,
        max(gap_days) filter (where days_ago <= 84) as gap_max_days,
        count(distinct (days_ago - 1) / 7) filter (where days_ago <= 84) as active_weeks_84d,
        count(distinct store_id) filter (where days_ago <= 84) as stores_84d,
        count(*) filter (where days_ago <= 84 and extract(isodow from local_time) >= 6) as weekend_orders,
        count(*) filter (where days_ago <= 84 and extract(hour from local_time) >= 17) as evening_orders
    from orders_with_gaps
    group by household_id
    having min(days_ago) <= 56
),

item_habits as (
    select
        order_items.household_id,
        count(*) filter (where :as_of - (order_items.ordered_at at time zone :timezone)::date <= 28) as items_28d,
        count(*) as items_84d,
        sum(order_items.amount_cents) as item_cents,
        sum(order_items.retail_discount_cents) as retail_discount_cents,
        sum(order_items.coupon_discount_cents) as coupon_discount_cents,
        sum(order_items.amount_cents) filter (where products.brand = 'Private') as private_brand_cents,
        sum(order_items.amount_cents) filter (where products.department in ('PRODUCE', 'MEAT', 'SEAFOOD', 'DELI')) as fresh_cents,
        count(distinct products.category) as categories_84d
    from order_items
    left join products on order_items.product_id = products.product_id
    group by order_items.household_id
),

campaigns_received as (
    select
        campaign_members.household_id,
        count(*) as campaigns_total,
        count(*) filter (where campaigns.starts_on < :as_of and campaigns.ends_on >= :as_of) as open_campaigns
    from campaign_members
    inner join campaigns on campaign_members.campaign_id = campaigns.campaign_id
    group by campaign_members.household_id
),

coupons_redeemed as (
    select household_id, count(*) as coupon_redemptions_84d from coupon_redemptions group by household_id
)

select
    order_habits.household_id as entity_id,
    recency_days,
    tenure_days,
    orders_7d,
    orders_14d,
    orders_28d,
    orders_56d,
    orders_84d,
    coalesce(cents_7d, 0) / 100.0::double precision as spend_7d,
    coalesce(cents_28d, 0) / 100.0::double precision as spend_28d,
    coalesce(cents_56d, 0) / 100.0::double precision as spend_56d,
    coalesce(cents_84d, 0) / 100.0::double precision as spend_84d,
    cents_84d / (100.0::double precision * orders_84d) as average_basket_84d,
    3.0::double precision * orders_28d / orders_84d as orders_trend,
    3.0::double precision * coalesce(cents_28d, 0) / nullif(cents_84d, 0) as spend_trend,
    gaps_sum / nullif(gaps, 0)::double precision as gap_mean_days,
    sqrt((gaps * gaps_squared_sum - gaps_sum * gaps_sum)::double precision) / nullif(gaps, 0) as gap_deviation_days,
    gap_max_days,
    recency_days / nullif(gaps_sum, 0)::double precision * gaps as recency_over_gap,
    active_weeks_84d,
    stores_84d,
    weekend_orders / orders_84d::double precision as weekend_share_84d,
    evening_orders / orders_84d::double precision as evening_share_84d,
    coalesce(items_28d, 0) as items_28d,
    coalesce(items_84d, 0) as items_84d,
    coalesce(categories_84d, 0) as categories_84d,
    retail_discount_cents / nullif(item_cents + retail_discount_cents, 0)::double precision as retail_discount_share_84d,
    coupon_discount_cents / nullif(item_cents + coupon_discount_cents, 0)::double precision as coupon_discount_share_84d,
    coalesce(private_brand_cents, 0) / nullif(item_cents, 0)::double precision as private_brand_share_84d,
    coalesce(fresh_cents, 0) / nullif(item_cents, 0)::double precision as fresh_share_84d,
    coalesce(campaigns_total, 0) as campaigns_total,
    coalesce(open_campaigns, 0) as open_campaigns,
    coalesce(coupon_redemptions_84d, 0) as coupon_redemptions_84d,
    coalesce(customers.income, 'unknown') as income,
    case ntile(3) over (order by coalesce(cents_84d, 0), order_habits.household_id)
        when 1 then 'low' when 2 then 'middle' else 'high'
    end as spend_tier
from order_habits
left join item_habits on order_habits.household_id = item_habits.household_id
left join campaigns_received on order_habits.household_id = campaigns_received.household_id
left join coupons_redeemed on order_habits.household_id = coupons_redeemed.household_id
left join customers on order_habits.household_id = customers.household_id
