-- Purpose: the tables of the example: 18,000 bookings of an invented hotel, each planned, and then cancelled or done.
-- as_of: 2025-10-06
-- Grain: a version of a booking. Everything is drawn by md5, so that every run gives the same rows.
-- A party books up to three rooms at once, one booking each, and cancels them together. Long lead times, bookings without
-- prepayment and customers who have cancelled before are cancelled more often.
-- `perennial load tests/models/bookings.sql` makes the table anew; `perennial check` tests the model on the same one.
drop table if exists source.bookings;

create table source.bookings (
    booking_id bigint not null,
    customer_id bigint not null,
    booked_at timestamptz not null,
    changed_at timestamptz not null,
    known_at timestamptz not null,
    status text not null check (status in ('booked', 'cancelled', 'stayed')),
    arrives_on date not null,
    nights integer not null,
    guests integer not null,
    price_cents integer not null,
    is_prepaid boolean not null,
    channel text not null,
    primary key (booking_id, changed_at)
);

create function pg_temp.draw(seed text) returns double precision language sql immutable
as $$ select ('x' || substr(md5(seed), 1, 8))::bit(32)::bigint / 4294967296.0 $$;

create temporary table drawn_bookings on commit drop as
with parties as (
    select
        booking_id,
        case when pg_temp.draw('party ' || booking_id / 3) < 0.4 then 'p' || booking_id / 3 else 'b' || booking_id end as party
    from generate_series(1, 18000) as booking_id
),

drawn as (
    select
        booking_id,
        party,
        1 + (4000 * pg_temp.draw('customer ' || party))::bigint as customer_id,
        date '2024-07-01' + (630 * pg_temp.draw('arrives ' || party))::integer as arrives_on,
        1 + (100 * pg_temp.draw('lead ' || party) ^ 2)::integer as lead_days,
        pg_temp.draw('prepaid ' || party) < 0.4 as is_prepaid,
        case when pg_temp.draw('channel ' || party) < 0.35 then 'agency' else 'direct' end as channel,
        1 + (6 * pg_temp.draw('nights ' || booking_id) ^ 2)::integer as nights,
        1 + (3 * pg_temp.draw('guests ' || booking_id))::integer as guests
    from parties
),

fated as (
    select
        *,
        arrives_on + time '15:00' + interval '1 hour' * floor(5 * pg_temp.draw('hour ' || party)) as arrives_at,
        pg_temp.draw('cancels ' || party) < 1 / (1 + exp(-(
            -2.6
            + 0.03 * lead_days
            + 2.2 * (pg_temp.draw('habit ' || customer_id) < 0.2)::integer
            - 1.4 * is_prepaid::integer
            + 0.5 * (channel = 'agency')::integer
        ))) as is_cancelled
    from drawn
)

select
    *,
    (arrives_at - interval '1 day' * lead_days) at time zone 'Europe/Lisbon' as booked_at,
    (arrives_at - interval '1 day' * lead_days * (1 - pg_temp.draw('ends ' || party))) at time zone 'Europe/Lisbon' as cancelled_at
from fated;

-- A new plan of the same booking is a version as well: every eighth stays a night longer, decided half way.
insert into source.bookings
select
    booking_id, customer_id, booked_at, changed_at,
    changed_at + interval '10 minutes' + interval '40 hours' * (channel = 'agency' and status = 'cancelled')::integer,
    status, arrives_on, nights, guests, nights * (7000 + 1500 * guests), is_prepaid, channel
from (
    select *, booked_at as changed_at, 'booked' as status from drawn_bookings
    union all
    select
        booking_id, party, customer_id, arrives_on, lead_days, is_prepaid, channel, nights + 1, guests, arrives_at, is_cancelled, booked_at,
        cancelled_at, booked_at + interval '12 hours' * lead_days, 'booked'
    from drawn_bookings
    where booking_id % 8 = 0 and not is_cancelled
    union all
    select *, cancelled_at, 'cancelled' from drawn_bookings where is_cancelled
    union all
    select
        booking_id, party, customer_id, arrives_on, lead_days, is_prepaid, channel, nights + (booking_id % 8 = 0)::integer, guests,
        arrives_at, is_cancelled, booked_at, cancelled_at, arrives_at at time zone 'Europe/Lisbon', 'stayed'
    from drawn_bookings
    where not is_cancelled
) as versions;

create index on source.bookings (known_at);
analyze source.bookings;
