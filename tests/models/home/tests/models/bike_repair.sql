-- Purpose: the tables that the model bike_repair is tested on: twenty bicycles, a ride every three hours, a repair a day.
-- as_of: 2024-06-03
-- Windows reach back to 2024-05-06, labels up to 2024-06-17: rows lie on both sides.
create table source.rides (
    ride_id bigint primary key,
    bike text not null,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    known_at timestamptz not null,
    is_member boolean not null,
    has_complaint boolean not null,
    fee numeric(8, 2) not null check (fee < 100),
    stations smallint[] not null
);

insert into source.rides
select
    number, 'bike ' || number * 7 % 20, ended_at - interval '1 minute' * (number % 50), ended_at, ended_at + interval '5 minutes',
    number % 3 = 0, number % 41 = 0, number % 11, array[number % 5, number % 6]
from generate_series(timestamptz '2024-04-01 06:00 +02', '2024-07-01 06:00 +02', interval '3 hours')
    with ordinality as rides (ended_at, number);

create table source.repairs (
    bike text not null,
    repaired_at timestamptz not null,
    known_at timestamptz not null,
    workshop varchar(8),
    unique (bike, repaired_at)
);

insert into source.repairs
select 'bike ' || number * 3 % 20, repaired_at, repaired_at + interval '1 hour', case when number % 2 = 0 then 'Mitte' end
from generate_series(timestamptz '2024-04-01 17:00 +02', '2024-07-01 17:00 +02', interval '1 day')
    with ordinality as repairs (repaired_at, number);
