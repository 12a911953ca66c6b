-- Purpose: what happened, and what goes out because of it. An event is recorded in the transaction of the work.

-- name: record_event
-- Something happened that says something new about a version; it goes out to each destination.
with recorded as (
    insert into ledger.events (model, as_of, kind, version, recipe, effective_at)
    values (
        :model, :as_of, :kind, :version,
        (select recipe from ledger.versions where model = :model and version = :version), :effective_at
    )
    returning event_id, model, version
)
insert into ledger.deliveries (event_id, destination, model, version)
select event_id, destination, model, version
from recorded cross join unnest(cast(:destinations as text[])) as destination;

-- name: waiting_deliveries
-- Versions whose verdict or card waits: verdicts first, then what failed least often, then the oldest; all models when :model is null.
select
    destination, deliveries.model, deliveries.version, array_agg(event_id order by event_id) as event_ids, max(as_of) as as_of,
    max(effective_at) as effective_at
from ledger.deliveries
join ledger.events using (event_id)
where delivered_at is null and deliveries.model = coalesce(:model, deliveries.model)
group by destination, deliveries.model, deliveries.version
order by destination desc, max(attempts), min(event_id);

-- name: mark_delivered
-- What was written for a destination tells of these events.
update ledger.deliveries set delivered_at = clock_timestamp(), attempts = attempts + 1, last_error = null
where destination = :destination and event_id = any(:event_ids) and delivered_at is null;

-- name: mark_undelivered
-- It could not be written, and goes on waiting.
update ledger.deliveries set attempts = attempts + 1, last_error = :error
where destination = :destination and event_id = any(:event_ids) and delivered_at is null;

-- name: count_waiting
-- How many cards, verdicts and mails wait, and what stood in the way last.
select
    (select count(distinct (model, version)) from ledger.deliveries where destination = 'card' and delivered_at is null) as cards,
    (select count(distinct (model, version)) from ledger.deliveries where destination = 'verdict' and delivered_at is null) as verdicts,
    (select count(*) from ledger.outbox where sent_at is null) as mails,
    coalesce(
        (select max(last_error) from ledger.deliveries where delivered_at is null),
        (select max(last_error) from ledger.outbox where sent_at is null)
    ) as because;
