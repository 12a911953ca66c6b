-- Purpose: the tables of the example: 3,200 coffee subscriptions of an invented shop, their deliveries and complaints.
-- as_of: 2025-10-06
-- Grain: a version of a subscription, a delivery, a ticket. Everything is drawn by md5, so that every run gives the same rows.
-- Whoever got coffee late or damaged complains more, and leaves more often; in the first weeks and after half a year, too.
-- `perennial load tests/models/churn.sql` makes the tables anew; `perennial check` tests the model on the same ones.
drop table if exists source.subscriptions, source.deliveries, source.tickets;

create table source.subscriptions (
    subscription_id bigint not null,
    joined_at timestamptz not null,
    changed_at timestamptz not null,
    known_at timestamptz not null,
    status text not null check (status in ('active', 'cancelled')),
    plan text not null check (plan in ('weekly', 'fortnightly')),
    region text not null,
    price_cents integer not null,
    primary key (subscription_id, changed_at)
);

create table source.deliveries (
    delivery_id bigint primary key,
    subscription_id bigint not null,
    delivered_at timestamptz not null,
    known_at timestamptz not null,
    days_late integer not null,
    is_damaged boolean not null
);

create table source.tickets (
    ticket_id bigint primary key,
    subscription_id bigint not null,
    opened_at timestamptz not null,
    known_at timestamptz not null
);

create function pg_temp.draw(seed text) returns double precision language sql immutable
as $$ select ('x' || substr(md5(seed), 1, 8))::bit(32)::bigint / 4294967296.0 $$;

-- Weeks are counted from Monday 2024-07-01, and end with 2025-12-28.
create temporary table drawn_weeks on commit drop as
with drawn as (
    select
        subscription_id,
        (pg_temp.draw('joined ' || subscription_id) * 70)::integer as joined_week,
        case when pg_temp.draw('plan ' || subscription_id) < 0.6 then 'weekly' else 'fortnightly' end as plan,
        case
            when pg_temp.draw('region ' || subscription_id) < 0.5 then 'city'
            when pg_temp.draw('region ' || subscription_id) < 0.8 then 'country'
            else 'island'
        end as region,
        1190 + 300 * (pg_temp.draw('price ' || subscription_id) * 5)::integer as price_cents
    from generate_series(1, 3200) as subscription_id
),

served as (
    select
        drawn.*,
        week,
        plan = 'weekly' or (week - joined_week) % 2 = 0 as is_served,
        pg_temp.draw('late ' || subscription_id || ' ' || week)
        < case region when 'city' then 0.06 when 'country' then 0.16 else 0.34 end as is_late,
        pg_temp.draw('damaged ' || subscription_id || ' ' || week) < 0.04 as is_damaged
    from drawn
    cross join generate_series(0, 77) as week
    where week >= joined_week
),

complained as (
    select
        *,
        pg_temp.draw('ticket ' || subscription_id || ' ' || week)
        < 0.01 + case when is_served then 0.2 * is_late::integer + 0.4 * is_damaged::integer else 0 end as is_ticket
    from served
),

annoyed as (
    select
        *,
        coalesce(sum((is_served and is_late)::integer) over month, 0) as late,
        coalesce(sum((is_served and is_damaged)::integer) over month, 0) as damaged,
        coalesce(sum(is_ticket::integer) over month, 0) as tickets
    from complained
    window month as (partition by subscription_id order by week rows between 4 preceding and 1 preceding)
),

left_in as (
    select
        *,
        week - joined_week >= 1
        and pg_temp.draw('leaves ' || subscription_id || ' ' || week) < 1 / (1 + exp(-(
            -5.6
            + 0.3 * (late > 0)::integer
            + 1.9 * (late > 1)::integer
            + 1.4 * (tickets > 0)::integer
            + 1.0 * (damaged > 0)::integer
            + 1.2 * (week - joined_week <= 4)::integer
            + 2.4 * (week - joined_week between 25 and 29)::integer
            + 0.5 * (price_cents > 2000)::integer
        ))) as is_leaving
    from annoyed
)

select
    subscription_id, week, plan, region, price_cents, joined_week, is_served, is_late, is_damaged, is_ticket,
    timestamptz '2024-07-01 00:00+02' + interval '7 days' * week as week_start,
    timestamptz '2024-07-01 00:00+02' + interval '7 days' * (joined_week + 0.1 * pg_temp.draw('hour ' || subscription_id)) as joined_at,
    min(week) filter (where is_leaving) over (partition by subscription_id) as last_week
from left_in;

insert into source.subscriptions
select
    subscription_id, joined_at, changed_at, changed_at + interval '5 minutes', status, plan, region, price_cents
from (
    select *, joined_at as changed_at, 'active' as status from drawn_weeks where week = joined_week
    union all
    select *, week_start + interval '7 days' * pg_temp.draw('leaves at ' || subscription_id), 'cancelled'
    from drawn_weeks
    where week = last_week
) as versions;

-- A parcel is due on Tuesday at noon, and is known at the depot's next report; a late one comes two to four days later.
insert into source.deliveries
select
    row_number() over (order by delivered_at, subscription_id), subscription_id, delivered_at, delivered_at + interval '2 hours',
    days_late, is_damaged
from (
    select
        *, week_start + interval '36 hours' + interval '1 day' * days_late
        + interval '1 hour' * 6 * pg_temp.draw('minute ' || subscription_id || ' ' || week) as delivered_at
    from (
        select *, is_late::integer * (2 + (3 * pg_temp.draw('days ' || subscription_id || ' ' || week))::integer) as days_late
        from drawn_weeks
        where is_served and week <= coalesce(last_week - 1, week)
    ) as parcels
) as delivered;

insert into source.tickets
select row_number() over (order by opened_at, subscription_id), subscription_id, opened_at, opened_at + interval '1 hour'
from (
    select
        subscription_id,
        week_start + interval '6 days' + interval '1 hour' * 16 * pg_temp.draw('opens ' || subscription_id || ' ' || week) as opened_at
    from drawn_weeks
    where is_ticket and week <= coalesce(last_week - 1, week)
) as opened;

create index on source.subscriptions (known_at);
create index on source.deliveries (delivered_at);
create index on source.tickets (opened_at);
analyze source.subscriptions;
analyze source.deliveries;
analyze source.tickets;
