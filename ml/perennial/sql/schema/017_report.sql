-- Purpose: the page of a drift check is drawn by a stage of its own, `report`. Run by `perennial migrate` as role owner.

alter table ledger.runs drop constraint runs_stage_check;
alter table ledger.runs add constraint runs_stage_check check (stage in (
    'refresh', 'validate', 'assemble', 'refit', 'train', 'challenge', 'compare', 'promote', 'score', 'monitor', 'decide', 'report',
    'rollback', 'unpin', 'answer', 'carry_out', 'expire', 'force', 'admit', 'reject', 'accept'
));
