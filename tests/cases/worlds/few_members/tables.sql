-- Purpose: 60 members over 30 weeks, each with a habit that stays as it is: whatever differs between two weeks is chance.
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
from generate_series(1, 60) as members (number)
cross join generate_series(0, 209) as days (day)
cross join lateral (
    select
        ('x' || substr(md5('visit ' || number || ' on ' || day), 1, 7))::bit(28)::integer as dice,
        timestamptz '2025-01-06 07:00+01' + make_interval(days => day, mins => 11 * number) as entered
) as drawn
where dice % 1000 < 30 + 3 * number;
