-- Purpose: what happened, as events that are appended in the transaction of the work, and what goes out because of them.
-- A mail of before becomes an event of its own. Run by `perennial migrate` as role owner.

create table ledger.events (
    event_id bigint generated always as identity primary key,
    model text not null,
    as_of date not null,
    kind text not null check (kind ~ '^[a-z0-9_]+$'),
    version integer,
    recipe bigint,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table ledger.events is 'One row per event: what happened, recorded with the work itself; what happened twice stands twice';
comment on column ledger.events.kind is 'fitted, held, compared, moved, asked, answered, checked, matured; of a mail what it tells';
comment on column ledger.events.version is 'The version that it says something new about; null where it is about a day';
comment on column ledger.events.recipe is 'What that version is a fit of';

create table ledger.deliveries (
    event_id bigint not null references ledger.events,
    destination text not null check (destination in ('card')),
    model text not null,
    version integer not null,
    attempts integer not null default 0,
    last_error text,
    delivered_at timestamptz,
    primary key (event_id, destination)
);
create index deliveries_that_wait on ledger.deliveries (destination, model, version) where delivered_at is null;
comment on table ledger.deliveries is 'One row per (event, destination) that an event goes out to, mail aside; delivered_at is null while it waits';
comment on column ledger.deliveries.destination is 'card: the model card of the version in MLflow, written once for all events that wait';

create trigger facts_stay before update or delete or truncate on ledger.events
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before delete or truncate on ledger.deliveries
    for each statement execute function ledger.refuse_change();

insert into ledger.events (model, as_of, kind, effective_at, recorded_at)
select model, as_of, event, effective_at, recorded_at from ledger.outbox order by recorded_at, message_id;

alter table ledger.outbox add column event_id bigint unique references ledger.events;
update ledger.outbox set event_id = events.event_id
from ledger.events
where events.model = outbox.model and events.as_of = outbox.as_of and events.kind = outbox.event;
alter table ledger.outbox alter column event_id set not null;
comment on column ledger.outbox.event_id is 'The event that the mail tells of';

-- As before, and what stood in the way of a delivery.
create or replace function ledger.strike_texts(models text[], pattern text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    place text[];
    found bigint;
    struck bigint := 0;
    new_value text;
begin
    foreach place slice 1 in array array[
        ['runs', 'message'], ['publications', 'message'], ['outbox', 'notice'], ['outbox', 'last_error'],
        ['deliveries', 'last_error'], ['validations', 'results'], ['decisions', 'sentence'], ['decisions', 'evidence'], ['admissions', 'reason'],
        ['evaluations', 'evidence'], ['drift_checks', 'evidence'], ['promotions', 'reason'], ['approvals', 'because'],
        ['approvals', 'remark'], ['acceptances', 'reason'], ['unpins', 'reason'], ['recipes', 'because'], ['contests', 'reason']
    ] loop
        execute format('select count(*) from ledger.%I where model = any($1) and %I::text ~ $2', place[1], place[2])
            into found using models, pattern;
        continue when found = 0;
        select case atttypid
            when 'jsonb'::regtype then 'ledger.strike(%2$I, $2)'
            when 'text[]'::regtype then 'array(select regexp_replace(said, $2, ''[erased]'', ''g'') from unnest(%2$I) as said)'
            else 'regexp_replace(%2$I, $2, ''[erased]'', ''g'')'
        end
            into strict new_value
            from pg_attribute where attrelid = format('ledger.%I', place[1])::regclass and attname = place[2];
        execute format('alter table ledger.%I disable trigger user', place[1]);
        execute format('update ledger.%1$I set %2$I = ' || new_value || ' where model = any($1) and %2$I::text ~ $2', place[1], place[2])
            using models, pattern;
        execute format('alter table ledger.%I enable trigger user', place[1]);
        struck := struck + found;
    end loop;
    return struck;
end
$$;

grant select, insert on ledger.events, ledger.deliveries to pipeline;
grant update (attempts, last_error, delivered_at) on ledger.deliveries to pipeline;
