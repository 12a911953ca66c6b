-- Purpose: what was erased of entities at their request: how many rows of which table, and never of whom.
-- Run by `perennial migrate` as role owner.

create table ledger.erasures (
    erasure_id bigint generated always as identity primary key,
    models text[] not null,
    rows jsonb not null,
    reason text not null,
    actor text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table ledger.erasures is 'One row per erasure of an entity; nothing in it says which one, not even a hash, which trying every key would undo';
comment on column ledger.erasures.rows is 'Table -> rows that were deleted there; ledger texts: rows in which its key was struck out';

create table ledger.erased_days (
    erasure_id bigint not null references ledger.erasures,
    model text not null,
    as_of date not null,
    kind text not null check (kind in ('features', 'labels', 'scores')),
    rows bigint not null,
    former_checksum text,
    checksum text,
    primary key (erasure_id, model, as_of, kind),
    check ((kind = 'scores') = (checksum is null) and (kind = 'scores') = (former_checksum is null))
);
create index erased_days_of_a_checksum on ledger.erased_days (model, as_of, kind, former_checksum);
comment on table ledger.erased_days is 'One row per (erasure, model, as_of, kind): rows that a day lost, so that what was counted then and what stands now add up';
comment on column ledger.erased_days.former_checksum is 'Of the day before this erasure, as versions, admissions and publications name it';
comment on column ledger.erased_days.checksum is 'Of the same day now, after this erasure and later ones';

create table ledger.erased_versions (
    erasure_id bigint not null references ledger.erasures,
    model text not null,
    version integer not null,
    data_hash text,
    primary key (erasure_id, model, version)
);
comment on table ledger.erased_versions is 'One row per version that had learned from rows of an entity that was erased later';
comment on column ledger.erased_versions.data_hash is 'Of its training days without them; null where these had been restated before';

create function ledger.after_erasures(model text, as_of date, kind text, checksum text) returns text
language sql stable
return coalesce(
    (
        select erased_days.checksum
        from ledger.erased_days
        where erased_days.model = after_erasures.model and erased_days.as_of = after_erasures.as_of
            and erased_days.kind = after_erasures.kind and former_checksum = after_erasures.checksum
        order by erasure_id desc
        limit 1
    ),
    after_erasures.checksum
);
comment on function ledger.after_erasures is 'The checksum that a day with this checksum has now, if nothing but erasures changed it';

-- An erasure is the one change that facts must bear: texts for people in which a key stands. What they say besides stays.
create function ledger.strike(content jsonb, pattern text) returns jsonb language plpgsql immutable as $$
begin
    return case jsonb_typeof(content)
        when 'string' then to_jsonb(regexp_replace(content #>> '{}', pattern, '[erased]', 'g'))
        when 'array' then coalesce((
            select jsonb_agg(ledger.strike(item, pattern) order by place)
            from jsonb_array_elements(content) with ordinality as items (item, place)
        ), '[]')
        when 'object' then coalesce((select jsonb_object_agg(key, ledger.strike(value, pattern)) from jsonb_each(content)), '{}')
        else content
    end;
end
$$;
comment on function ledger.strike is 'Every text in a JSON value, without what matches the pattern; keys and numbers stay';

create function ledger.strike_texts(models text[], pattern text) returns bigint
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
        ['validations', 'results'], ['decisions', 'sentence'], ['decisions', 'evidence'], ['admissions', 'reason'],
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
comment on function ledger.strike_texts is 'Strike what matches the pattern out of what the ledger says to people about these models; rows that were changed';
revoke all on function ledger.strike_texts from public;
grant execute on function ledger.strike_texts to pipeline;

create trigger facts_stay before update or delete or truncate on ledger.erasures
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.erased_versions
    for each statement execute function ledger.refuse_change();

grant select, insert on ledger.erasures, ledger.erased_days, ledger.erased_versions to pipeline;
grant update (checksum) on ledger.erased_days to pipeline;
