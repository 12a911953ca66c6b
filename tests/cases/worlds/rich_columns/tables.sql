-- Purpose: the gym of `plain`, whose application keeps columns of every kind beside those that anybody asks for.
create type source.locker as (row_letter text, place integer);
create type source.mood as enum ('fresh', 'tired');
create domain source.pulse as integer check (value > 0);
create domain source.door as character(5);

create table source.visits (
    visit bigint not null,
    member text not null,
    entered_at timestamptz not null,
    known_at timestamptz not null,
    minutes double precision,
    place_in_hall point,
    receipt xml,
    locker source.locker,
    log_position pg_lsn,
    settings json,
    mood source.mood,
    pulse source.pulse,
    door source.door,
    "heat: 100%, ""indoor""" numeric,
    tags text []
);

insert into source.visits
select
    100 * day + number, 'm' || number, entered, entered + interval '20 minutes', 45, point(number, day), null,
    row('A', number::integer)::source.locker, '0/16B3748'::pg_lsn, '{"towel": true}', case when number % 2 = 0 then 'fresh' else 'tired' end::source.mood,
    60 + number, 'north', number, array['sauna']
from generate_series(1, 30) as members (number)
cross join generate_series(0, 181, 2) as days (day)
cross join lateral (select timestamptz '2025-02-03 07:00+01' + make_interval(days => day, mins => 11 * number)) as x (entered)
where (number + day) % 7 < 4;
