-- Purpose: the features of `plain`, and texts that look like something else: it's all quoted; :so, it "means" itself.
/* Even /* nested */ comments: 'do */
-- Grain: one row per member with a visit in the 42 days before :as_of.
select
    member as entity_id,
    count(*) as visits_42d,
    regexp_replace('Ada GmbH', '(?:GmbH|AG)', '') as firm,
    '{"a":1, "b": ":as_of"}'::jsonb ->> 'b' as document,
    array_length((array[10, 20, 30])[:2], 1) + array_length((array[10, 20, 30])[2:], 1) as slices,
    E'it\'s; x' as escaped,
    $$a; :b 'c'$$ || $tag$ $$ "d" $tag$ as dollars,
    'it''s 100% :label_end; done' as doubled,
    (:as_of::date - '2025-01-01'::date) as ":horizon_days; 100%"
from visits
group by member;
