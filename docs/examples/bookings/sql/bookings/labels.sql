-- Purpose: was the booking cancelled before its guests arrived?
-- Grain: one row per booking of the cohort. Parameters: none; the view ends with the horizon.
-- Columns: entity_id; label (1 = cancelled). Every booking of the cohort was to arrive within the horizon, so that each is settled
-- by its end. One that was cancelled before the as_of, and reported after it, counts too: nobody knew.
select
    cohort.entity_id,
    (bookings.status = 'cancelled')::integer as label
from cohort
inner join bookings on cohort.entity_id = bookings.booking_id
