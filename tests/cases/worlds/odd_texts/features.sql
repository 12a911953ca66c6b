-- Purpose: texts that nobody tidied up: a locker of one's own, notes of all kinds, and columns that say nothing.
-- Grain: one row per member with a visit in the 42 days before :as_of.
select
    member as entity_id,
    count(*) as visits_42d,
    'Locker ' || member as locker,
    (array[
        'NA', '\N', '', 'Knee', 'KNEE', E'back\nand neck', 'left, "right"', 'Rücken 🙂', '<b>heart</b>', '{{7*7}}', repeat('wordy ', 300)
    ])[1 + substr(member, 2)::integer % 11] as note,
    null::text as never_asked,
    null::double precision as never_weighed,
    7 as always_seven
from visits
group by member
