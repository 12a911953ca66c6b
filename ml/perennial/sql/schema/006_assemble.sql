-- Purpose: record what stops a training before it begins, so that the mail about it says why.
alter table ledger.runs drop constraint runs_stage_check;
alter table ledger.runs add constraint runs_stage_check check (stage in (
    'refresh', 'validate', 'assemble', 'train', 'compare', 'promote', 'score', 'monitor', 'decide', 'rollback',
    'answer', 'carry_out', 'expire', 'force'
));
