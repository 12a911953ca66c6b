-- Purpose: what was taken away because it had become old, and the one way in which append-only tables lose texts.
-- Run by `perennial migrate` as role owner.

create table ledger.purges (
    purge_id bigint generated always as identity primary key,
    model text not null,
    kind text not null check (kind in ('snapshots', 'scores', 'quarantine', 'findings', 'mail', 'reports', 'files')),
    as_of date not null,
    version integer,
    rows bigint not null,
    bytes bigint not null,
    retention_days integer not null check (retention_days >= 30),
    actor text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    check ((kind in ('files', 'reports')) = (version is not null))
);
create index purges_of_a_model on ledger.purges (model, kind, as_of);
comment on table ledger.purges is 'One row per thing that went because it was older than the model file keeps it: a day, or the files of a version';
comment on column ledger.purges.kind is 'snapshots: features and labels of a day; scores; quarantine: rejected rows; findings: of validations that passed; mail: the text; reports: the page of a drift check; files: of a version in MLflow';
comment on column ledger.purges.as_of is 'The day; of files the day for which the version was fitted';
comment on column ledger.purges.bytes is 'About so much room: of rows in a table of a month their share of it, indexes included';
comment on column ledger.purges.retention_days is 'What the model file said then';

create trigger facts_stay before update or delete or truncate on ledger.purges
    for each statement execute function ledger.refuse_change();
grant select, insert on ledger.purges to pipeline;

-- A day whose rows have gone keeps its row: what was counted, and the checksum that versions and publications name.
alter table ledger.snapshots drop constraint snapshots_status_check;
alter table ledger.snapshots add constraint snapshots_status_check check (status in ('built', 'valid', 'invalid', 'purged'));

-- The transaction that may empty texts of facts. Only functions of the owner write here; there is no setting to fake.
create table ledger.purge_permits (transaction_id xid8 primary key);
comment on table ledger.purge_permits is 'One row per transaction inside ledger.purge_day at this moment: whoever looks from outside finds none';

create or replace function ledger.refuse_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op <> 'TRUNCATE' and tg_table_name = 'validations' and exists (
        select from ledger.purge_permits where transaction_id = pg_current_xact_id_if_assigned()
    ) then
        return null;  -- a trigger of a statement: what it returns is not looked at
    end if;
    raise exception 'ledger.% is append-only: % is refused', tg_table_name, lower(tg_op)
        using errcode = 'restrict_violation', hint = 'Write a new row that says what is true now; the old one says what was.';
end
$$;
comment on function ledger.refuse_change is 'Of a table of facts: rows are added, never changed or taken away, findings aside that ledger.purge_day empties';

-- The newest instant that a model has lived, on the clock of its runs.
create function ledger.lived_until(model text) returns timestamptz
language sql stable
return (select max(effective_at) from ledger.runs where runs.model = lived_until.model and purpose <> 'backfill');
comment on function ledger.lived_until is 'The newest clock of the runs of a model, backfills aside; null before the first';

create function ledger.purge_day(model text, kind text, as_of date, retention_days integer, actor text, effective_at timestamptz)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    found bigint;
    size bigint;
    lived constant timestamptz :=
        case when ledger.lived_until(purge_day.model) is not null then least(ledger.lived_until(purge_day.model), clock_timestamp()) end;
begin
    if purge_day.retention_days < 30 or purge_day.as_of >= (lived - make_interval(days => purge_day.retention_days))::date
        or lived is null
    then
        raise exception 'ledger.purge_day: % of % is not older than % days (at least 30) before %',
            purge_day.kind, purge_day.as_of, purge_day.retention_days, lived
            using errcode = 'restrict_violation', hint = 'Only what a model file no longer keeps may go.';
    end if;
    case purge_day.kind
        when 'quarantine' then
            with gone as (
                delete from ledger.quarantine as rejected
                where rejected.model = purge_day.model and rejected.as_of = purge_day.as_of and source is null
                returning pg_column_size(rejected.*) as size
            )
            select count(*), coalesce(sum(gone.size), 0) into found, size from gone;
        when 'mail' then
            with gone as (
                select message_id, pg_column_size(notice) as size from ledger.outbox
                where outbox.model = purge_day.model and outbox.as_of = purge_day.as_of and sent_at is not null
                    and not notice ? 'purged'
                for update
            ), emptied as (
                update ledger.outbox
                set notice = jsonb_build_object('headline', notice -> 'headline', 'purged', true)
                from gone where gone.message_id = outbox.message_id
            )
            select count(*), coalesce(sum(gone.size), 0) into found, size from gone;
        when 'findings' then
            select count(*), coalesce(sum(pg_column_size(results)), 0) into found, size from ledger.validations
            where validations.model = purge_day.model and validations.as_of = purge_day.as_of and passed and results <> '[]';
            insert into ledger.purge_permits values (pg_current_xact_id());
            update ledger.validations set results = '[]'
            where validations.model = purge_day.model and validations.as_of = purge_day.as_of and passed and results <> '[]';
            delete from ledger.purge_permits where transaction_id = pg_current_xact_id();
        else
            raise exception 'ledger.purge_day knows quarantine, findings and mail, not %', purge_day.kind
                using errcode = 'invalid_parameter_value';
    end case;
    if found > 0 then
        insert into ledger.purges (model, kind, as_of, rows, bytes, retention_days, actor, effective_at)
        values (
            purge_day.model, purge_day.kind, purge_day.as_of, found, size, purge_day.retention_days, purge_day.actor,
            purge_day.effective_at
        );
    end if;
    return found;
end
$$;
comment on function ledger.purge_day is 'Empty the rejected rows, the findings of validations that passed, or the mails of one day that is older than a model keeps them, and record it; rows that went';
revoke all on function ledger.purge_day from public;
grant execute on function ledger.purge_day to pipeline;
