-- Purpose: the gym of `plain` as a heap of rows without a key: fractions of minutes whose sum hangs on the order of adding.
create table source.visits (
    visit bigint not null,
    member text not null,
    entered_at timestamptz not null,
    known_at timestamptz not null,
    minutes double precision,
    note json,
    paid numeric
);

insert into source.visits
select number, 'm' || number % 20, entered, entered + interval '5 minutes', exp(number % 37) / 7, '{"a": 1}', 1.0
from generate_series(1, 4000) as numbers (number)
cross join lateral (select timestamptz '2025-02-03 07:00+01' + make_interval(hours => number)) as x (entered);
