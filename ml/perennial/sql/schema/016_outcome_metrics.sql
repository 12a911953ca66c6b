-- Purpose: what came true of a publication as rows, a metric each, whatever kind of labels a model has. What stood in columns of
-- ledger.outcomes moves into rows; views that read these columns fall with them and are made again by the next `sync`, which
-- every refresh begins with. Run by `perennial migrate` as role owner.

create table ledger.outcome_metrics (
    publication_id bigint not null references ledger.outcomes,
    metric text not null check (metric ~ '^[a-z_]+$'),
    position smallint not null check (position > 0),
    value double precision not null,
    low double precision,
    high double precision,
    standard_error double precision,
    primary key (publication_id, metric),
    unique (publication_id, position)
);
comment on table ledger.outcome_metrics is 'One row per (publication, metric): how good the scores turned out to be; a second look replaces the first';
comment on column ledger.outcome_metrics.metric is 'As in verdicts: auc, log_loss, mse, total_bias (sum of the scores over sum of the labels) and so on';
comment on column ledger.outcome_metrics.position is '1 is the headline, by which the model is judged';
comment on column ledger.outcome_metrics.value is 'NaN where the labels leave it undefined, as an AUC when one class alone came true';
comment on column ledger.outcome_metrics.low is 'Lower end of its interval; null where none is measured';
comment on column ledger.outcome_metrics.high is 'Upper end';
comment on column ledger.outcome_metrics.standard_error is 'Clustered by entity';

insert into ledger.outcome_metrics (publication_id, metric, position, value, low, high, standard_error)
select publication_id, 'auc', 1, coalesce(auc, 'NaN'), nullif(auc_low, 'NaN'), nullif(auc_high, 'NaN'), nullif(auc_standard_error, 'NaN')
from ledger.outcomes
union all
select publication_id, 'log_loss', 2, log_loss, null, null, null from ledger.outcomes;

alter table ledger.outcomes
    drop column auc cascade, drop column auc_low cascade, drop column auc_high cascade, drop column auc_standard_error cascade,
    drop column log_loss cascade;
alter table ledger.outcomes alter column positives drop not null;
comment on column ledger.outcomes.positives is 'Labels that are 1; null of amounts';
comment on column ledger.outcomes.base_rate is 'Mean of the labels';

-- An outcome is measured again where its day was rebuilt, and never taken away.
create trigger facts_stay before delete or truncate on ledger.outcome_metrics
    for each statement execute function ledger.refuse_change();

create function ledger.metrics_of(publication_id bigint) returns json
language sql stable
return (
    select json_object_agg(
        metric,
        json_build_object(
            'estimate', value, 'low', coalesce(low, 'NaN'), 'high', coalesce(high, 'NaN'),
            'standard_error', coalesce(standard_error, 'NaN')
        )
        order by position
    )
    from ledger.outcome_metrics
    where outcome_metrics.publication_id = metrics_of.publication_id
);
comment on function ledger.metrics_of is 'The metrics of a publication as one object, the headline first; null where its labels have not matured';

grant select, insert on ledger.outcome_metrics to pipeline;
grant update (value, low, high, standard_error) on ledger.outcome_metrics to pipeline;
