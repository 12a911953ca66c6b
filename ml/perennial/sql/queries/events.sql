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

-- name: waiting_cards
-- Versions whose card waits, what failed least often first, then the oldest; all models when :model is null.
select
    deliveries.model, deliveries.version, array_agg(event_id order by event_id) as event_ids, max(as_of) as as_of,
    max(effective_at) as effective_at
from ledger.deliveries
join ledger.events using (event_id)
where destination = 'card' and delivered_at is null and deliveries.model = coalesce(:model, deliveries.model)
group by deliveries.model, deliveries.version
order by max(attempts), min(event_id);

-- name: mark_delivered
-- The card tells of these events.
update ledger.deliveries set delivered_at = clock_timestamp(), attempts = attempts + 1, last_error = null
where destination = 'card' and event_id = any(:event_ids) and delivered_at is null;

-- name: mark_undelivered
-- The card could not be written; it goes on waiting.
update ledger.deliveries set attempts = attempts + 1, last_error = :error
where destination = 'card' and event_id = any(:event_ids) and delivered_at is null;

-- name: count_waiting
-- How many cards and mails wait, and what stood in the way last.
select
    (select count(distinct (model, version)) from ledger.deliveries where destination = 'card' and delivered_at is null) as cards,
    (select count(*) from ledger.outbox where sent_at is null) as mails,
    coalesce(
        (select max(last_error) from ledger.deliveries where delivered_at is null),
        (select max(last_error) from ledger.outbox where sent_at is null)
    ) as because;
