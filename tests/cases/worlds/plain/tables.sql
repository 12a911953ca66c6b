-- Purpose: 80 members over 26 weeks; each comes with a habit of its own, some more often in one month than in the next.
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
from generate_series(1, 80) as members (number)
cross join generate_series(0, 181) as days (day)
cross join lateral (
    select
        ('x' || substr(md5('visit ' || number || ' on ' || day), 1, 7))::bit(28)::integer as dice,
        timestamptz '2025-02-03 07:00+01' + make_interval(days => day, mins => 11 * number) as entered
) as drawn
where dice % 1000 < (12 + 3 * (number % 40)) * (1 + (number + day / 30) % 2);
