-- Purpose: an erasure changes texts of facts by a permit for its transaction, as a purge does, and lifts no trigger: nobody waits
-- for a lock on a whole table, and what else the transaction does stays guarded. Run by `perennial migrate` as role owner.

alter table ledger.purge_permits add column place text not null default 'validations';
comment on table ledger.purge_permits is 'One row per transaction inside ledger.purge_day or ledger.strike_texts at this moment: whoever looks from outside finds none';
comment on column ledger.purge_permits.place is 'The table of the ledger whose facts this transaction may change';

create function ledger.is_permitted(place text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
return exists (
    select from ledger.purge_permits
    where transaction_id = pg_current_xact_id_if_assigned() and purge_permits.place = is_permitted.place
);
comment on function ledger.is_permitted is 'Is this transaction inside a function of the owner that may change facts of this table?';

create or replace function ledger.refuse_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' and ledger.is_permitted(tg_table_name) then
        return null;  -- a trigger of a statement: what it returns is not looked at
    end if;
    raise exception 'ledger.% is append-only: % is refused', tg_table_name, lower(tg_op)
        using errcode = 'restrict_violation', hint = 'Write a new row that says what is true now; the old one says what was.';
end
$$;
comment on function ledger.refuse_change is 'Of a table of facts: rows are added, never changed or taken away, texts aside that ledger.purge_day and ledger.strike_texts empty';

create or replace function ledger.end_once() returns trigger language plpgsql as $$
declare
    may_change constant text[] := tg_argv[1]::text[];
begin
    if ledger.is_permitted(tg_table_name) then
        return new;
    end if;
    if old.status <> tg_argv[0] or new.status = tg_argv[0] or to_jsonb(new) - may_change <> to_jsonb(old) - may_change then
        raise exception 'ledger.% moves once, from % to an end, and changes nothing else', tg_table_name, tg_argv[0]
            using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

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
        ['deliveries', 'last_error'], ['validations', 'results'], ['decisions', 'sentence'], ['decisions', 'evidence'],
        ['admissions', 'reason'],
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
        insert into ledger.purge_permits values (pg_current_xact_id(), place[1]);
        execute format('update ledger.%1$I set %2$I = ' || new_value || ' where model = any($1) and %2$I::text ~ $2', place[1], place[2])
            using models, pattern;
        delete from ledger.purge_permits where transaction_id = pg_current_xact_id();
        struck := struck + found;
    end loop;
    return struck;
end
$$;
