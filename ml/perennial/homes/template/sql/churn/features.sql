-- Purpose: what a subscription went through in the last eight weeks, and how long it has lasted.
-- Grain: one row per subscription that is active and at least a week old at :as_of (the cohort).
-- Parameters: :as_of (date), :as_of_start (its first instant), :timezone. A source shows only facts known by then, and the
-- newest version of each subscription; its window of 56 days bounds what is counted here.
-- Columns: entity_id; features; the segment region. Null means that there is nothing to measure (nobody complained yet).
with dated_deliveries as (
    select *, :as_of - (delivered_at at time zone :timezone)::date as days_ago from deliveries
),

deliveries_received as (
    select
        subscription_id,
        count(*) filter (where days_ago <= 28) as deliveries_28d,
        count(*) filter (where days_ago <= 28 and days_late > 0) as late_28d,
        count(*) filter (where days_late > 0) as late_56d,
        max(days_late) filter (where days_ago <= 28) as most_days_late_28d,
        count(*) filter (where days_ago <= 28 and is_damaged) as damaged_28d
    from dated_deliveries
    group by subscription_id
),

dated_tickets as (
    select *, :as_of - (opened_at at time zone :timezone)::date as days_ago from tickets
),

complaints as (
    select
        subscription_id,
        count(*) filter (where days_ago <= 28) as tickets_28d,
        count(*) as tickets_56d,
        min(days_ago) as ticket_days_ago
    from dated_tickets
    group by subscription_id
)

select
    subscriptions.subscription_id as entity_id,
    :as_of - (subscriptions.joined_at at time zone :timezone)::date as tenure_days,
    subscriptions.price_cents / 100.0::double precision as price,
    subscriptions.plan,
    coalesce(deliveries_28d, 0) as deliveries_28d,
    coalesce(late_28d, 0) as late_28d,
    coalesce(late_56d, 0) as late_56d,
    coalesce(most_days_late_28d, 0) as most_days_late_28d,
    coalesce(damaged_28d, 0) as damaged_28d,
    coalesce(tickets_28d, 0) as tickets_28d,
    coalesce(tickets_56d, 0) as tickets_56d,
    ticket_days_ago,
    subscriptions.region
from subscriptions
left join deliveries_received on subscriptions.subscription_id = deliveries_received.subscription_id
left join complaints on subscriptions.subscription_id = complaints.subscription_id
where subscriptions.status = 'active' and :as_of - (subscriptions.joined_at at time zone :timezone)::date >= 7
