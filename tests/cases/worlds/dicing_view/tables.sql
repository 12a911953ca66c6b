-- Purpose: the gym of `plain`, whose loader shows a view of a view of what the turnstile wrote: most of it, on most days.
create table source.turnstile (
    visit bigint not null,
    member text not null,
    entered_at timestamptz not null,
    known_at timestamptz not null,
    minutes double precision
);

insert into source.turnstile
select 100 * day + number, 'm' || number, entered, entered + interval '20 minutes', 45
from generate_series(1, 30) as members (number)
cross join generate_series(0, 181, 2) as days (day)
cross join lateral (select timestamptz '2025-02-03 07:00+01' + make_interval(days => day, mins => 11 * number)) as x (entered);

create view source.lately as select * from source.turnstile where random() < .8;
create view source.visits as select * from source.lately;
