-- Purpose: the ledger. `effective_at` is the clock of the run, `recorded_at` the wall's.
-- Grain stands in the comment of each table; pipeline may insert everywhere and update only where a state moves on.

create table ledger.runs (
    run_id bigint generated always as identity primary key,
    model text not null,
    stage text not null check (stage in ('refresh', 'validate', 'train', 'compare', 'promote', 'score', 'monitor', 'decide', 'rollback')),
    as_of date not null,
    purpose text not null check (purpose in ('live', 'simulation', 'backfill')),
    actor text not null,
    dag_run_id text,
    status text not null default 'running' check (status in ('running', 'ok', 'failed', 'refused')),
    message text,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);
create index runs_of_a_day on ledger.runs (model, as_of, stage);
comment on table ledger.runs is 'One row per attempt of a stage; a row left at running belongs to an attempt that died';

create table ledger.snapshots (
    model text not null,
    as_of date not null,
    kind text not null check (kind in ('features', 'labels')),
    rows bigint not null,
    checksum text not null,
    query_hash text not null,
    config_hash text not null,
    columns jsonb not null default '[]',
    known_rule jsonb not null default '{}',
    status text not null default 'built' check (status in ('built', 'valid', 'invalid')),
    purpose text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (model, as_of, kind)
);
comment on table ledger.snapshots is 'One row per (model, as_of, kind): what stands in features.<model> or labels.<model> for that day';
comment on column ledger.snapshots.known_rule is 'Per source: how known_at was read, with known_from and the typical delay for history loaded in bulk';

create table ledger.validations (
    validation_id bigint generated always as identity primary key,
    model text not null,
    as_of date not null,
    passed boolean not null,
    rows bigint not null,
    quarantined bigint not null,
    results jsonb not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table ledger.validations is 'One row per validation of a snapshot, with the finding of every expectation';

create table ledger.quarantine (
    model text not null,
    as_of date not null,
    entity_id text not null,
    rule text not null,
    row_content jsonb not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (model, as_of, entity_id, rule)
);
comment on table ledger.quarantine is 'One row per rejected snapshot row and rule; the row itself is kept whole';

create table ledger.versions (
    model text not null,
    version integer not null,
    algorithm text not null,
    mlflow_run_id text not null,
    manifest jsonb not null,
    baselines jsonb not null default '{}',
    data_hash text not null,
    training_as_ofs date[] not null,
    holdout_as_ofs date[] not null,
    trained_for date not null,
    parameters jsonb not null,
    holdout_mean_score double precision,
    config_hash text not null,
    query_hash text not null,
    code_version text not null,
    origin text not null default 'training' check (origin in ('training', 'manual')),
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (model, version),
    unique (model, trained_for, data_hash)
);
comment on table ledger.versions is 'One row per registered version; manifest maps each model file to its SHA-256';

create table ledger.evaluations (
    evaluation_id bigint generated always as identity primary key,
    model text not null,
    as_of date not null,
    challenger_version integer not null,
    champion_version integer,
    verdict text not null check (verdict in ('PROMOTE', 'REJECT', 'INCONCLUSIVE')),
    evidence jsonb not null,
    purpose text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index evaluations_of_a_version on ledger.evaluations (model, challenger_version);
comment on table ledger.evaluations is 'One row per comparison, with the whole verdict as evidence';

create table ledger.promotions (
    promotion_id bigint generated always as identity primary key,
    model text not null,
    version integer not null,
    previous_version integer,
    kind text not null check (kind in ('promote', 'rollback', 'manual', 'forced')),
    status text not null default 'intended' check (status in ('intended', 'applied', 'undone')),
    evaluation_id bigint references ledger.evaluations,
    reason text not null,
    actor text not null,
    purpose text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    applied_at timestamptz,
    check ((status = 'applied') = (applied_at is not null))
);
create unique index one_open_promotion on ledger.promotions (model) where status = 'intended';
comment on table ledger.promotions is 'One row per movement of the alias champion; the newest applied row names the champion, the alias follows it';

create table ledger.publications (
    publication_id bigint generated always as identity primary key,
    model text not null,
    as_of date not null,
    version integer not null,
    attempt integer not null,
    status text not null default 'building' check (status in ('building', 'live', 'replaced', 'blocked')),
    rows bigint,
    mean_score double precision,
    snapshot_checksum text not null,
    manifest_hash text not null,
    config_hash text not null,
    query_hash text not null,
    code_version text not null,
    purpose text not null,
    message text,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    published_at timestamptz,
    unique (model, as_of, attempt)
);
create unique index one_live_publication on ledger.publications (model, as_of) where status = 'live';
comment on table ledger.publications is 'One row per attempt to publish the scores of (model, as_of); at most one of a day is live';

create table ledger.outcomes (
    model text not null,
    as_of date not null,
    version integer not null,
    publication_id bigint not null references ledger.publications,
    rows bigint not null,
    positives bigint not null,
    auc double precision,
    auc_low double precision,
    auc_high double precision,
    auc_standard_error double precision,
    log_loss double precision not null,
    mean_score double precision not null,
    base_rate double precision not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (publication_id)
);
comment on table ledger.outcomes is 'One row per publication whose labels have matured: how good the scores turned out to be';

create table ledger.drift_checks (
    model text not null,
    as_of date not null,
    version integer not null,
    rows bigint not null,
    drifted_share double precision not null,
    prediction_shift double precision not null,
    is_drifted boolean not null,
    evidence jsonb not null,
    report text,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (model, as_of)
);
comment on table ledger.drift_checks is 'One row per check of (model, as_of); evidence holds the effect size of every column';

create table ledger.decisions (
    decision_id bigint generated always as identity primary key,
    model text not null,
    as_of date not null,
    choice text not null check (choice in ('TRAIN', 'SKIP', 'BLOCK')),
    rule text not null,
    sentence text not null,
    evidence jsonb not null,
    purpose text not null,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index decisions_of_a_day on ledger.decisions (model, as_of);
comment on table ledger.decisions is 'One row per decision: train, skip or block, with all the evidence; of several for one day the newest holds';

create table ledger.outbox (
    model text not null,
    as_of date not null,
    event text not null check (event ~ '^[a-z_]+$'),
    recipient text not null,
    letter jsonb not null,
    message_id text not null unique,
    attempts integer not null default 0,
    last_error text,
    effective_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    primary key (model, as_of, event)
);
comment on table ledger.outbox is 'One row per mail: (model, as_of, event); sent_at is null while it waits';

create table ledger.views (
    name text primary key,
    digest text not null,
    recorded_at timestamptz not null default clock_timestamp()
);
comment on table ledger.views is 'One row per file of sql/views as it was last run: an unchanged view is left alone, so that readers never wait';

grant select, insert on all tables in schema ledger to pipeline;
revoke insert on ledger.migrations from pipeline;
grant update on ledger.runs, ledger.snapshots, ledger.views, ledger.promotions, ledger.publications, ledger.outcomes,
    ledger.drift_checks, ledger.outbox to pipeline;
grant delete on ledger.quarantine to pipeline;
