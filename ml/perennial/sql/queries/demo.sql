-- Purpose: the demo's source tables, made by the loader from Complete Journey, and the events that we plant into them.

-- name: create_tables
-- The seven tables, empty; what stood there before is gone.
drop table if exists source.orders, source.order_items, source.products, source.customers,
    source.campaigns, source.campaign_members, source.coupon_redemptions;

create table source.orders (
    order_id bigint not null,
    household_id bigint not null,
    store_id integer not null,
    ordered_at timestamptz not null,
    known_at timestamptz not null,
    amount_cents integer
);
comment on table source.orders is 'One row per version of a basket; of several versions of an order_id the newest known one counts';
comment on column source.orders.ordered_at is 'When the basket was paid (event_at)';
comment on column source.orders.known_at is 'When the warehouse learned of this version; the demo says one hour after ordered_at';
comment on column source.orders.amount_cents is 'What was paid for the basket: the sum of its lines';

create table source.order_items (
    order_id bigint not null,
    household_id bigint not null,
    product_id bigint not null,
    ordered_at timestamptz not null,
    known_at timestamptz not null,
    quantity integer not null,
    amount_cents integer not null,
    retail_discount_cents integer not null,
    coupon_discount_cents integer not null
);
comment on table source.order_items is 'One row per basket and product, never changed afterwards';
comment on column source.order_items.quantity is 'Not always units: gasoline is counted in thousandths, and 0 occurs';
comment on column source.order_items.coupon_discount_cents is 'Coupons of the maker and the shop''s match of them';

create table source.products (
    product_id bigint not null,
    manufacturer_id bigint not null,
    department text not null,
    brand text not null,
    category text,
    product_type text,
    package_size text
);
comment on table source.products is 'One row per product, without dates; some lines name a product that is absent here';

create table source.customers (
    household_id bigint not null,
    age text,
    income text,
    home_ownership text,
    marital_status text,
    household_size text,
    household_comp text,
    kids_count text
);
comment on table source.customers is 'One row per household, without dates; demographics are known for a third of them, and not at random';

create table source.campaigns (
    campaign_id integer not null,
    campaign_type text not null,
    announced_at timestamptz not null,
    known_at timestamptz not null,
    starts_on date not null,
    ends_on date not null
);
comment on table source.campaigns is 'One row per campaign; its end is an attribute that is known when it is announced';

create table source.campaign_members (
    campaign_id integer not null,
    household_id bigint not null,
    announced_at timestamptz not null,
    known_at timestamptz not null
);
comment on table source.campaign_members is 'One row per campaign and household that it was sent to';

create table source.coupon_redemptions (
    household_id bigint not null,
    coupon_upc bigint not null,
    campaign_id integer not null,
    redeemed_at timestamptz not null,
    known_at timestamptz not null
);
comment on table source.coupon_redemptions is 'One row per redeemed coupon; the data know the day, redeemed_at is its local midnight';

-- name: index_tables
-- Keys and the dates that every point-in-time view is bounded by; built after the rows are in.
alter table source.orders add primary key (order_id, ordered_at, known_at);
create index on source.orders (ordered_at);
create index on source.order_items (ordered_at);
alter table source.products add primary key (product_id);
alter table source.customers add primary key (household_id);
alter table source.campaigns add primary key (campaign_id, announced_at, known_at);
alter table source.campaign_members add primary key (campaign_id, household_id);
create index on source.coupon_redemptions (redeemed_at);
analyze source.orders, source.order_items, source.products, source.customers, source.campaigns,
    source.campaign_members, source.coupon_redemptions;

-- name: plant_null_column
-- A broken delivery at :delivered_at: newer versions of the orders since :ordered_since, all without their amount.
insert into source.orders (order_id, household_id, store_id, ordered_at, known_at, amount_cents)
select order_id, household_id, store_id, ordered_at, :delivered_at, null
from source.orders
where ordered_at >= :ordered_since and known_at < :delivered_at
on conflict do nothing;

-- name: repair_null_column
-- The loader takes the broken delivery of :delivered_at back; the versions before it count again.
delete from source.orders where known_at = :delivered_at and amount_cents is null;

-- name: plant_lost_cards
-- A broken delivery at :delivered_at: newer versions of the orders in [:ordered_since, :ordered_before) of every third household,
-- all booked on household 0, as if its card had not been read.
insert into source.orders (order_id, household_id, store_id, ordered_at, known_at, amount_cents)
select order_id, 0, store_id, ordered_at, :delivered_at, amount_cents
from source.orders
where household_id % 3 = 0 and household_id > 0 and ordered_at >= :ordered_since and ordered_at < :ordered_before
    and known_at < :delivered_at
on conflict do nothing;

-- name: repair_lost_cards
-- The loader takes the broken delivery of :delivered_at back; the versions before it count again.
delete from source.orders where known_at = :delivered_at and household_id = 0;

-- name: plant_takeover
-- Copies of every fifth household with 15 of 100 baskets, learned at :known_at or when they happened, if that is later.
with copied_orders as (
    select order_id + 1000000000000 as order_id, household_id + 1000000 as household_id, store_id, ordered_at,
        greatest(known_at, :known_at) as known_at, amount_cents
    from source.orders
    where household_id < 1000000 and household_id % 5 = 0
        and ('x' || left(md5(order_id::text), 7))::bit(28)::integer % 100 < 15
),

new_orders as (
    insert into source.orders (order_id, household_id, store_id, ordered_at, known_at, amount_cents)
    select order_id, household_id, store_id, ordered_at, known_at, amount_cents from copied_orders
    on conflict do nothing
    returning order_id, household_id, known_at
),

new_customers as (
    insert into source.customers
    select household_id + 1000000, age, income, home_ownership, marital_status, household_size, household_comp, kids_count
    from source.customers
    where household_id < 1000000 and household_id % 5 = 0
    on conflict do nothing
)

insert into source.order_items (
    order_id, household_id, product_id, ordered_at, known_at, quantity, amount_cents, retail_discount_cents,
    coupon_discount_cents
)
select new_orders.order_id, new_orders.household_id, product_id, ordered_at, new_orders.known_at, quantity, amount_cents,
    retail_discount_cents, coupon_discount_cents
from source.order_items
join new_orders on order_items.order_id + 1000000000000 = new_orders.order_id;
