-- Purpose: the features of `plain`, and some whose names nobody would give a variable.
-- Grain: one row per member with a visit in the 42 days before :as_of.
select
    member as entity_id,
    count(*) as "x[0]",
    count(*) filter (where entered_at >= :as_of_start - interval '10 days') as "visits <10d",
    sum(minutes::numeric)::double precision as "minutes, net",
    max(minutes) as "kb:size",
    min(minutes) as "share%",
    :as_of - max((entered_at at time zone :timezone)::date) as "the ""good"" ones",
    count(distinct extract(hour from entered_at)) as "{""hours"": 1}",
    avg(minutes) as "$ per visit_$",
    case when count(*) > 9 then 'often' else 'seldom' end as "How oft? \n é"
from visits
group by member
