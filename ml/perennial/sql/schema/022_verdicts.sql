-- Purpose: what MLflow says of a verdict goes out as the cards do, after the work that it is about. Run by `perennial migrate` as role
-- owner.

alter table ledger.deliveries drop constraint deliveries_destination_check;
alter table ledger.deliveries add constraint deliveries_destination_check check (destination in ('card', 'verdict'));
comment on column ledger.deliveries.destination is 'card: the model card of the version in MLflow; verdict: what MLflow says of its newest comparison; each written once for all events that wait';
