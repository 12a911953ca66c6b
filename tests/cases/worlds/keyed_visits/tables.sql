-- Purpose: the 80 members of `plain`, named in three ways: by a uuid, by the number of a card, and by club and locker.
create table source.visits (
    visit bigint not null,
    person uuid,
    card numeric(12, 0),
    club integer,
    locker varchar(20),
    entered_at timestamptz not null,
    known_at timestamptz,
    minutes double precision
);

insert into source.visits
select
    row_number() over (order by day, number),
    (left(md5('person ' || number), 28) || '0000')::uuid,
    700000000000 + number,
    number % 4,
    (array['7', '007', 'ü "7"', '\7', '[7, "x"]'])[number % 5 + 1] || ' ' || number / 20,
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
