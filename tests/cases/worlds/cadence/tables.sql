-- Purpose: 17 months of visits by 90 members, more often in one month than in the next; classes are held on weekdays, and not at
-- all from 2024-08-17 to 2025-01-05. No model reads the classes but one whose cohort may be empty.
create table source.visits (
    visit bigint not null,
    member text not null,
    entered_at timestamptz not null,
    known_at timestamptz not null,
    minutes double precision
);

insert into source.visits
select
    row_number() over (order by day, number),
    'm' || number,
    entered,
    entered + interval '20 minutes',
    20 + dice % 9000 / 100.0
from generate_series(1, 90) as members (number)
cross join generate_series(0, 520) as days (day)
cross join lateral (
    select
        ('x' || substr(md5('visit ' || number || ' on ' || day), 1, 7))::bit(28)::integer as dice,
        timestamptz '2024-01-01 07:00+01' + make_interval(days => day, mins => 8 * number) as entered
) as drawn
where dice % 1000 < (12 + 5 * (number % 40)) * (1 + (number + day / 30) % 2);

create table source.classes (like source.visits including all);

insert into source.classes
select *
from source.visits
where extract(isodow from entered_at at time zone 'Europe/Vienna') < 6
    and (entered_at < timestamptz '2024-08-17 00:00+02' or entered_at >= timestamptz '2025-01-06 00:00+01');
