-- Purpose: who was champion when, for everybody who may ask; and facts that nobody rewrites, the owner included.
-- The triggers guard against accidents and hasty repairs. A restore or a purge is done with session_replication_role = replica,
-- which a superuser may set, and which leaves a trace in the server's log where log_statement says so.

create function analytics.champion_at(model text, instant timestamptz) returns integer
language sql stable security definer
set search_path = pg_catalog, pg_temp
return (
    select promotions.version
    from ledger.promotions
    where promotions.model = champion_at.model and status = 'applied' and effective_at <= champion_at.instant
    order by effective_at desc, promotion_id desc
    limit 1
);

comment on function analytics.champion_at is 'The version that was champion of a model at an instant of the runs'' clock; null before the first';
revoke all on function analytics.champion_at from public;
grant execute on function analytics.champion_at to pipeline, analyst;

-- Facts: written once.
create function ledger.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ledger.% is append-only: % is refused', tg_table_name, lower(tg_op)
        using errcode = 'restrict_violation', hint = 'Write a new row that says what is true now; the old one says what was.';
end
$$;
comment on function ledger.refuse_change is 'Of a table of facts: rows are added, never changed or taken away';

create trigger facts_stay before update or delete or truncate on ledger.versions
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.evaluations
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.decisions
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.validations
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before update or delete or truncate on ledger.looks
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before delete or truncate on ledger.contests
    for each statement execute function ledger.refuse_change();
create trigger facts_stay before delete or truncate on ledger.promotions
    for each statement execute function ledger.refuse_change();

-- Movements of the champion: a chain, begun as an intent, ended once.
create function ledger.check_movement() returns trigger language plpgsql as $$
declare
    newest ledger.promotions;
begin
    select * into newest
    from ledger.promotions
    where model = new.model and status = 'applied'
    order by promotion_id desc
    limit 1;
    if new.status <> 'intended' then
        raise exception 'a movement of % begins as an intent, not as %', new.model, new.status using errcode = 'check_violation';
    end if;
    if new.purpose = 'backfill' then
        raise exception 'a backfill never moves the champion of %', new.model using errcode = 'check_violation';
    end if;
    if new.previous_version is distinct from newest.version then
        raise exception 'the champion of % is version %, not %', new.model, newest.version, new.previous_version
            using errcode = 'check_violation';
    end if;
    if new.effective_at < newest.effective_at then
        raise exception 'the champion of % was moved at %, after %', new.model, newest.effective_at, new.effective_at
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;
comment on function ledger.check_movement is 'A movement starts from the champion in force, not before it on the clock, and never from a backfill';

create trigger movements_form_a_chain before insert on ledger.promotions
    for each row execute function ledger.check_movement();

-- What moves on does so once, from its first state to a last one, and in the named columns only.
create function ledger.end_once() returns trigger language plpgsql as $$
declare
    may_change constant text[] := tg_argv[1]::text[];
begin
    if old.status <> tg_argv[0] or new.status = tg_argv[0] or to_jsonb(new) - may_change <> to_jsonb(old) - may_change then
        raise exception 'ledger.% moves once, from % to an end, and changes nothing else', tg_table_name, tg_argv[0]
            using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;
comment on function ledger.end_once is 'Arguments: the first state, and the columns that may change on the way out of it';

create trigger movements_end_once before update on ledger.promotions
    for each row execute function ledger.end_once('intended', '{status,reason,applied_at}');
create trigger contests_end_once before update on ledger.contests
    for each row execute function ledger.end_once('open', '{status,reason,ended_at}');

revoke update on ledger.promotions, ledger.contests from pipeline;
grant update (status, reason, applied_at) on ledger.promotions to pipeline;
grant update (status, reason, ended_at) on ledger.contests to pipeline;
