-- Purpose: which recipe is or was under test against that of which champion, on how much error, and how far the evidence has come.
-- Grain: one row per pair of recipes and test. Made by `perennial sync` as pipeline, whose rights on the ledger it lends; no parameters.
create or replace view analytics.challengers as
select
    contests.model,
    contests.challenger_recipe,
    contests.champion_recipe,
    contests.status,
    contests.opened_for,
    contests.alpha,
    newest.looks,
    newest.as_ofs,
    newest.estimate,
    newest.standard_error,
    newest.estimate - newest.boundary * newest.standard_error as lower_bound,
    newest.boundary,
    newest.information,
    contests.reason,
    sum(contests.alpha) over (
        partition by contests.model
        order by contests.effective_at
        range between interval '365 days' preceding and current row
    ) + coalesce((
        select sum(canaries.alpha)
        from ledger.canaries
        where canaries.model = contests.model
            and canaries.effective_at between contests.effective_at - interval '365 days' and contests.effective_at
    ), 0) as drawn_in_365_days,
    contests.effective_at,
    contests.purpose
from ledger.contests
left join lateral (
    select
        count(*) over () as looks,
        cardinality(as_ofs) as as_ofs,
        estimate,
        standard_error,
        boundary,
        information
    from ledger.looks
    where looks.contest_id = contests.contest_id
    order by cardinality(as_ofs) desc
    limit 1
) as newest on true
where contests.side = 'superiority';

comment on view analytics.challengers is 'Every recipe under test or tested, one row for each test against the recipe of a champion';
comment on column analytics.challengers.model is 'The model, as in models/<name>.toml';
comment on column analytics.challengers.challenger_recipe is 'Recipe under test';
comment on column analytics.challengers.champion_recipe is 'Recipe of the champion that it would replace';
comment on column analytics.challengers.status is 'open (a shadow), promoted, rejected, exhausted (looked at to the end), displaced (by more promising ones) or ended (the champion changed)';
comment on column analytics.challengers.opened_for is 'The as_of of the first comparison';
comment on column analytics.challengers.alpha is 'Probability of a false promotion that this test may spend, over all its looks';
comment on column analytics.challengers.looks is 'How often it was looked at';
comment on column analytics.challengers.as_ofs is 'As_ofs that the newest look rests on';
comment on column analytics.challengers.estimate is 'Gain over the champion in what the model is judged by (AUC; of amounts a loss or the Gini; of classes the log-loss or the macro AUC) at the newest look';
comment on column analytics.challengers.standard_error is 'Of that gain, clustered by entity';
comment on column analytics.challengers.lower_bound is 'Lower bound of the gain that holds over all looks together';
comment on column analytics.challengers.boundary is 'Standard errors between the gain and its lower bound';
comment on column analytics.challengers.information is 'Share of what the last look will know';
comment on column analytics.challengers.reason is 'Why the test ended, in words; null while it is open';
comment on column analytics.challengers.drawn_in_365_days is 'What the account of errors had given away in the 365 days up to this test, to canaries too';
comment on column analytics.challengers.effective_at is 'The clock of the run that opened the test';
comment on column analytics.challengers.purpose is 'live, simulation or backfill';
