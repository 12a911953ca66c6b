-- Purpose: what grew without an end can go: runs of MLflow, studies of searches, parts that no page wants any more, logs of tasks.
-- And one function of the owner empties texts and rows of the ledger, requests too. Run by `perennial migrate` as role owner.

alter table ledger.purges drop constraint purges_kind_check;
alter table ledger.purges add constraint purges_kind_check check (
    kind in (
        'snapshots', 'scores', 'quarantine', 'findings', 'mail', 'reports', 'files', 'requests', 'runs', 'studies', 'parts', 'logs'
    )
);
alter table ledger.purges drop constraint purges_check;
alter table ledger.purges add constraint purges_check check (
    case when kind in ('files', 'reports') then version is not null else version is null or kind = 'runs' end
);
comment on column ledger.purges.kind is 'snapshots: features and labels of a day; scores; quarantine: rejected rows; findings: of validations that passed; mail: the text; reports: the page of a drift check; files: of a version in MLflow; requests: to a canary; runs: in MLflow, of a version or of trainings of which none came; studies: of Optuna; parts: of pages; logs: of tasks';
comment on column ledger.purges.as_of is 'The day; of files and runs the day of the training; of parts and logs the day on which they were written';

-- What a page wants back of ledger.page_parts: without it nobody could tell which parts are still wanted.
alter table ledger.drift_checks add column parts text [];
comment on column ledger.drift_checks.parts is 'Parts of ledger.page_parts that the page wants; null where there is no page, or one from before this was kept';
grant delete on ledger.page_parts to pipeline;

drop function ledger.purge_requests;

create or replace function ledger.purge_day(
    model text, kind text, as_of date, retention_days integer, actor text, effective_at timestamptz
)
returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    found bigint;
    size bigint;
    month constant text := to_char(purge_day.as_of, '"requests$"YYYY_MM');
    is_empty boolean;
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
        when 'requests' then
            with gone as (
                delete from ledger.requests as batch
                where batch.model = purge_day.model and batch.day = purge_day.as_of
                returning pg_column_size(batch.*) as size
            )
            select count(*), coalesce(sum(gone.size), 0) into found, size from gone;
            if found > 0 then
                execute format('select not exists (select from ledger.%I)', month) into is_empty;
                if is_empty then  -- the table of a month goes with its last row
                    perform pg_advisory_xact_lock(hashtextextended('ledger.requests', 0));
                    perform set_config('lock_timeout', '20s', true);
                    execute format('drop table ledger.%I', month);
                end if;
            end if;
        else
            raise exception 'ledger.purge_day knows quarantine, findings, mail and requests, not %', purge_day.kind
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
comment on function ledger.purge_day is 'Empty the rejected rows, the findings of validations that passed, the mails or the requests of one day that is older than a model keeps them, and record it; rows that went';
