-- Purpose: what a booking and the history of its customer say about whether it will be cancelled.
-- Grain: one row per booking that is open at :as_of and arrives in the 28 days from then on (the cohort).
-- Parameters: :as_of, :timezone. The view holds the newest version of each booking that was known at :as_of.
-- Columns: entity_id; features; the cluster customer and the segment channel.
with histories as (
    select
        customer_id,
        count(*) filter (where status = 'stayed') as earlier_stays,
        count(*) filter (where status = 'cancelled') as earlier_cancellations,
        count(*) filter (where status = 'booked') as open_bookings
    from bookings
    group by customer_id
)

select
    bookings.booking_id as entity_id,
    bookings.arrives_on - :as_of as days_to_arrival,
    bookings.arrives_on - (bookings.booked_at at time zone :timezone)::date as lead_days,
    :as_of - (bookings.changed_at at time zone :timezone)::date as days_since_change,
    bookings.nights,
    bookings.guests,
    bookings.price_cents / (100.0::double precision * bookings.nights) as price_per_night,
    bookings.is_prepaid,
    histories.earlier_stays,
    histories.earlier_cancellations,
    histories.open_bookings,
    bookings.customer_id::text as customer,
    bookings.channel
from bookings
inner join histories on bookings.customer_id = histories.customer_id
where bookings.status = 'booked' and bookings.arrives_on >= :as_of and bookings.arrives_on < :as_of + 28
