-- Purpose: a recipe under test acts on a share of the entities: who is in it, what each arm was given, and what came of it.
-- Run by `perennial migrate` as role owner.

-- Where an entity stands in [0, 1) under a salt. The same number in Python: perennial.records.canaries.find_place. 52 bits of a
-- SHA-256, so that a double holds it exactly; a larger share holds everybody of a smaller one.
create function ledger.place_entity(entity text, salt text) returns double precision
language sql stable parallel safe
return ('x' || left(encode(sha256(convert_to(salt || ':' || entity, 'UTF8')), 'hex'), 13))::bit(52)::bigint::double precision
    / 4503599627370496;
comment on function ledger.place_entity is 'Where an entity stands in [0, 1) under the salt of a canary; below its share it is in the canary';

create table ledger.canaries (
    canary_id bigint generated always as identity primary key,
    model text not null,
    contest_id bigint not null references ledger.contests,
    challenger_recipe integer not null,
    champion_recipe integer not null,
    salt text not null,
    alpha double precision not null check (alpha > 0 and alpha < 1),
    harm_alpha double precision not null check (harm_alpha > 0 and harm_alpha < 1),
    last_look integer not null check (last_look > 0),
    overlap integer not null check (overlap > 0),
    missing double precision not null check (missing between 0 and 1),
    started_for date not null,
    reason text,
    actor text not null,
    purpose text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    unique (model, salt)
);
comment on table ledger.canaries is 'One row per canary: a recipe under test that acts on a share; alpha was drawn from the account of errors when it began';
comment on column ledger.canaries.salt is 'With the entity it says who is in the share: ledger.place_entity';
comment on column ledger.canaries.harm_alpha is 'Chance that a canary which harms nobody is ever stopped by the harm boundary';
comment on column ledger.canaries.last_look is 'As_ofs of the last look, fixed when it began';
comment on column ledger.canaries.missing is 'Share of the inputs of the recipe that were missing in the newest valid snapshot when it began';

create table ledger.canary_ends (
    canary_id bigint primary key references ledger.canaries,
    kind text not null check (kind in ('stopped', 'harm', 'ended')),
    reason text not null,
    as_of date not null,
    actor text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table ledger.canary_ends is 'One row per canary that is over: everybody has the champion''s scores from its commit on';
comment on column ledger.canary_ends.kind is 'stopped: by a person; harm: it did worse; ended: the test is over, or another recipe serves';

create table ledger.canary_looks (
    canary_id bigint not null references ledger.canaries,
    side text not null check (side in ('gain', 'harm')),
    as_ofs date[] not null,
    estimate double precision not null,
    standard_error double precision not null,
    information double precision not null check (information > 0 and information <= 1),
    spent double precision not null check (spent >= 0),
    boundary double precision not null,
    surplus double precision,
    shock double precision not null default 0,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (canary_id, side, as_ofs)
);
comment on table ledger.canary_looks is 'One row per look at the arms of a canary, on all as_ofs whose labels have matured so far';
comment on column ledger.canary_looks.side is 'gain: is the canary better? harm: is it worse? its estimate is then the loss';

-- The publication of a day says whether it had a canary, and of what share; ledger.canary_arms what each arm was given.
alter table ledger.publications add column canary_id bigint references ledger.canaries;
alter table ledger.publications add column canary_share double precision check (canary_share > 0 and canary_share < 1);
alter table ledger.publications add column canary_version integer;
alter table ledger.publications add constraint canary_is_whole
    check (num_nulls(canary_id, canary_share, canary_version) in (0, 3));
comment on column ledger.publications.canary_version is 'Version that scored the entities of the canary; null where all have those of version';

create table ledger.canary_arms (
    publication_id bigint not null references ledger.publications,
    arm text not null check (arm in ('champion', 'canary')),
    version integer not null,
    rows bigint not null,
    mean_score double precision,
    primary key (publication_id, arm)
);
comment on table ledger.canary_arms is 'One row per arm of a publication with a canary: its version, its rows and their mean score';

create trigger facts_stay before update or delete or truncate on ledger.canaries
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.canary_ends
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.canary_looks
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.canary_arms
    for each statement execute function ledger.refuse_change();
grant select, insert on ledger.canaries, ledger.canary_ends, ledger.canary_looks, ledger.canary_arms to pipeline;

-- Batches of requests, a table for each month. No entity and no feature stands here: counts and sums.
create table ledger.requests (
    request_id bigint generated always as identity,
    day date not null,
    model text not null,
    arm text not null check (arm in ('champion', 'canary')),
    version integer not null,
    canary_id bigint,
    rows integer not null check (rows >= 0),
    errors integer not null check (errors >= 0),
    inputs bigint not null check (inputs >= 0),
    missing bigint not null check (missing between 0 and inputs),
    score_sum double precision not null,
    score_squares double precision not null,
    seconds double precision not null check (seconds >= 0),
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (day, request_id)
) partition by range (day);
create index requests_of_a_model on ledger.requests (model, day);
comment on table ledger.requests is 'One row per batch of requests and arm: how many rows, errors and missing inputs, and sums of scores; never whose';
comment on column ledger.requests.day is 'Day in UTC of the clock of whoever served it';
comment on column ledger.requests.errors is 'Rows that got no score';

-- Made by whoever comes first in a month: attached, so that readers of the other months do not wait.
create function ledger.record_request(
    model text, arm text, version integer, canary_id bigint, rows integer, errors integer, inputs bigint, missing bigint,
    score_sum double precision, score_squares double precision, seconds double precision, effective_at timestamptz
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    day constant date := (record_request.effective_at at time zone 'UTC')::date;
    first constant date := date_trunc('month', day)::date;
    month constant text := to_char(first, '"requests$"YYYY_MM');
    made bigint;
begin
    if to_regclass(format('ledger.%I', month)) is null then
        perform pg_advisory_xact_lock(hashtextextended('ledger.requests', 0));
        if to_regclass(format('ledger.%I', month)) is null then
            execute format('create table ledger.%I (like ledger.requests including all excluding identity)', month);
            execute format(
                'alter table ledger.requests attach partition ledger.%I for values from (%L) to (%L)',
                month, first, (first + interval '1 month')::date
            );
        end if;
    end if;
    insert into ledger.requests (
        day, model, arm, version, canary_id, rows, errors, inputs, missing, score_sum, score_squares, seconds, effective_at
    )
    values (
        day, record_request.model, record_request.arm, record_request.version, record_request.canary_id, record_request.rows,
        record_request.errors, record_request.inputs, record_request.missing, record_request.score_sum,
        record_request.score_squares, record_request.seconds, record_request.effective_at
    )
    returning request_id into made;
    return made;
end
$$;
comment on function ledger.record_request is 'Keep what one arm of a batch of requests came to; the number of the row';
revoke all on function ledger.record_request from public;
grant execute on function ledger.record_request to pipeline;
grant select on ledger.requests to pipeline;

-- Requests grow old as other rows do.
alter table ledger.purges drop constraint purges_kind_check;
alter table ledger.purges add constraint purges_kind_check
    check (kind in ('snapshots', 'scores', 'quarantine', 'findings', 'mail', 'reports', 'files', 'requests'));

create function ledger.purge_requests(model text, as_of date, retention_days integer, actor text, effective_at timestamptz)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    found bigint;
    size bigint;
    month constant text := to_char(purge_requests.as_of, '"requests$"YYYY_MM');
    is_empty boolean;
    lived constant timestamptz :=
        case when ledger.lived_until(purge_requests.model) is not null
            then least(ledger.lived_until(purge_requests.model), clock_timestamp()) end;
begin
    if purge_requests.retention_days < 30 or lived is null
        or purge_requests.as_of >= (lived - make_interval(days => purge_requests.retention_days))::date
    then
        raise exception 'ledger.purge_requests: requests of % are not older than % days (at least 30) before %',
            purge_requests.as_of, purge_requests.retention_days, lived
            using errcode = 'restrict_violation', hint = 'Only what a model file no longer keeps may go.';
    end if;
    with gone as (
        delete from ledger.requests as batch
        where batch.model = purge_requests.model and batch.day = purge_requests.as_of
        returning pg_column_size(batch.*) as size
    )
    select count(*), coalesce(sum(gone.size), 0) into found, size from gone;
    if found > 0 then
        insert into ledger.purges (model, kind, as_of, rows, bytes, retention_days, actor, effective_at)
        values (
            purge_requests.model, 'requests', purge_requests.as_of, found, size, purge_requests.retention_days,
            purge_requests.actor, purge_requests.effective_at
        );
        execute format('select not exists (select from ledger.%I)', month) into is_empty;
        if is_empty then
            perform pg_advisory_xact_lock(hashtextextended('ledger.requests', 0));
            perform set_config('lock_timeout', '20s', true);
            execute format('drop table ledger.%I', month);
        end if;
    end if;
    return found;
end
$$;
comment on function ledger.purge_requests is 'Delete the requests of one day of a model that are older than it keeps them, the table of a month with its last row, and record it; rows that went';
revoke all on function ledger.purge_requests from public;
grant execute on function ledger.purge_requests to pipeline;

-- Why a canary began or ended is a text as other reasons are: an erasure strikes it.
create or replace function ledger.strike_texts(models text[], pattern text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    place text[];
    concerned text;
    found bigint;
    struck bigint := 0;
    new_value text;
begin
    foreach place slice 1 in array array[
        ['runs', 'message'], ['publications', 'message'], ['outbox', 'notice'], ['outbox', 'last_error'],
        ['deliveries', 'last_error'], ['validations', 'results'], ['decisions', 'sentence'], ['decisions', 'evidence'],
        ['admissions', 'reason'],
        ['evaluations', 'evidence'], ['drift_checks', 'evidence'], ['promotions', 'reason'], ['approvals', 'because'],
        ['approvals', 'remark'], ['acceptances', 'reason'], ['unpins', 'reason'], ['recipes', 'because'], ['contests', 'reason'],
        ['canaries', 'reason'], ['canary_ends', 'reason']
    ] loop
        concerned := case place[1]
            when 'canary_ends' then 'canary_id in (select canary_id from ledger.canaries where model = any($1))'
            else 'model = any($1)'
        end;
        execute format('select count(*) from ledger.%I where ' || concerned || ' and %I::text ~ $2', place[1], place[2])
            into found using models, pattern;
        continue when found = 0;
        select case atttypid
            when 'jsonb'::regtype then 'ledger.strike(%2$I, $2)'
            when 'text[]'::regtype then 'array(select regexp_replace(said, $2, ''[erased]'', ''g'') from unnest(%2$I) as said)'
            else 'regexp_replace(%2$I, $2, ''[erased]'', ''g'')'
        end
            into strict new_value
            from pg_attribute where attrelid = format('ledger.%I', place[1])::regclass and attname = place[2];
        insert into ledger.purge_permits values (pg_current_xact_id(), place[1]);
        execute format('update ledger.%1$I set %2$I = ' || new_value || ' where ' || concerned || ' and %2$I::text ~ $2', place[1], place[2])
            using models, pattern;
        delete from ledger.purge_permits where transaction_id = pg_current_xact_id();
        struck := struck + found;
    end loop;
    return struck;
end
$$;
