-- Purpose: requests that a canary answers are counted by a role that can do nothing else, and a look keeps what its arms came to.
-- Run by `perennial migrate` as role owner.

-- A row of ledger.requests is what one worker counted of one arm in a few seconds.
alter table ledger.requests add column share double precision check (share > 0 and share <= 0.5);
alter table ledger.requests add column requests integer not null default 1 check (requests > 0);
alter table ledger.requests add column second_squares double precision not null default 0 check (second_squares >= 0);
comment on table ledger.requests is 'One row per arm, worker and few seconds: requests, rows, errors and missing inputs, and sums of scores and seconds; never whose';
comment on column ledger.requests.share is 'Share of the entities that was in the canary for requests';
comment on column ledger.requests.requests is 'Requests that had rows of this arm';
comment on column ledger.requests.errors is 'Rows that got no score by this arm; of the canary''s the champion answered them';
comment on column ledger.requests.seconds is 'Sum over the requests of what scoring the rows of this arm took';
comment on column ledger.requests.second_squares is 'Sum of the squares of these seconds';

-- Who writes it is role recorder (sql/install/recorder.sql): of canaries that there are, for today, and by this function alone.
drop function ledger.record_request(
    text, text, integer, bigint, integer, integer, bigint, bigint, double precision, double precision, double precision, timestamptz
);
create function ledger.record_request(
    model text, arm text, version integer, canary_id bigint, share double precision, requests integer, rows integer,
    errors integer, inputs bigint, missing bigint, score_sum double precision, score_squares double precision,
    seconds double precision, second_squares double precision, effective_at timestamptz
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
    day constant date := (record_request.effective_at at time zone 'UTC')::date;
    first constant date := date_trunc('month', day)::date;
    month constant text := to_char(first, '"requests$"YYYY_MM');
    made bigint;
begin
    if not exists (
        select from ledger.canaries
        where canaries.canary_id = record_request.canary_id and canaries.model = record_request.model
    ) then
        raise exception 'ledger.record_request: model % has no canary %', record_request.model, record_request.canary_id
            using errcode = 'foreign_key_violation';
    end if;
    if abs(extract(epoch from clock_timestamp() - record_request.effective_at)) > 86400 then
        raise exception 'ledger.record_request: % lies more than a day from now', record_request.effective_at
            using errcode = 'datetime_field_overflow', hint = 'The clock of the machine that serves is wrong, or it waited too long.';
    end if;
    if record_request.share is null then
        raise exception 'ledger.record_request: the share of the canary is missing' using errcode = 'not_null_violation';
    end if;
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
        day, model, arm, version, canary_id, share, requests, rows, errors, inputs, missing, score_sum, score_squares, seconds,
        second_squares, effective_at
    )
    values (
        day, record_request.model, record_request.arm, record_request.version, record_request.canary_id, record_request.share,
        record_request.requests, record_request.rows, record_request.errors, record_request.inputs, record_request.missing,
        record_request.score_sum, record_request.score_squares, record_request.seconds, record_request.second_squares,
        record_request.effective_at
    )
    returning request_id into made;
    return made;
end
$$;
comment on function ledger.record_request is 'Keep what one arm of requests to a canary came to; the number of the row';
revoke all on function ledger.record_request from public;

-- What came of either arm, as the mails, pages and `perennial canary show` tell it.
alter table ledger.canary_looks add column arms jsonb;
comment on column ledger.canary_looks.arms is 'Of either arm: rows, and headline, rate and value with their intervals; null before 027, or where a figure is not defined';
