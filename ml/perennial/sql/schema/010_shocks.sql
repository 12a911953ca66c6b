-- Purpose: as_ofs are a sample too: what a look saw of the variance between as_ofs, from which later tests of the model learn.
-- Run by `perennial migrate` as role owner.
alter table ledger.looks add column surplus double precision;
comment on column ledger.looks.surplus is 'Variance of the gains between as_ofs, in AUC squared, less what entities explain of it; below 0 by chance; null: not measured';

alter table ledger.looks add column shock double precision not null default 0 check (shock >= 0);
comment on column ledger.looks.shock is 'Standard deviation in AUC of what is common to all rows of an as_of, as it went into the standard error';
