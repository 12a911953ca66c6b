-- Purpose: what the rides of a bicycle say about whether it will need the workshop.
-- Grain: one row per bicycle that was ridden in the 28 days before :as_of.
-- Parameters: :as_of_start. Columns: entity_id; features; the segment last_workshop.
with ridden as (
    select
        bike,
        count(*) as rides_28d,
        sum(fee)::double precision as fees_28d,
        avg(is_member::integer)::double precision as member_share_28d,
        max(extract(epoch from ended_at - started_at))::double precision as longest_ride_seconds_28d,
        bool_or(has_complaint) as has_complaint_28d
    from rides
    group by bike
),

last_repairs as (
    select distinct on (bike) bike, repaired_at, workshop from repairs order by bike, repaired_at desc
)

select
    ridden.bike as entity_id,
    rides_28d,
    fees_28d,
    member_share_28d,
    longest_ride_seconds_28d,
    has_complaint_28d,
    extract(epoch from :as_of_start - repaired_at)::double precision / 86400 as days_since_repair,
    coalesce(workshop, 'none')::text as last_workshop
from ridden
left join last_repairs on ridden.bike = last_repairs.bike
