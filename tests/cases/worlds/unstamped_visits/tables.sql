-- Purpose: the gym of `plain`, whose turnstile now and then forgets what it wrote down: 7 visits lack a time or a number.
create table source.visits (
    visit bigint,
    member text not null,
    entered_at timestamptz,
    known_at timestamptz,
    minutes double precision
);

insert into source.visits
select 100 * day + number, 'm' || number, entered, entered + interval '20 minutes', 45
from generate_series(1, 80) as members (number)
cross join generate_series(0, 181, 2) as days (day)
cross join lateral (select timestamptz '2025-02-03 07:00+01' + make_interval(days => day, mins => 11 * number)) as x (entered)
where (number + day) % 7 < 4;

insert into source.visits values
(null, 'm1', '2025-06-20 08:00+02', '2025-06-20 08:20+02', 61),
(null, 'm2', '2025-06-20 09:00+02', '2025-06-20 09:20+02', 62),
(-3, 'm3', '2025-06-20 10:00+02', null, 63),
(-4, 'm4', null, '2025-06-20 11:20+02', 64),
(-5, 'm5', null, null, 65),
(-6, 'm6', '2025-06-20 12:00+02', null, 66),
(-6, 'm6', '2025-06-20 12:00+02', null, 66),
(-7, 'm7', '2025-03-20 12:00+01', null, 67);
