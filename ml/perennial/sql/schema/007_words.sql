-- Purpose: gives what the ledger already holds the words that the program uses since the package is called perennial:
-- a mail to write is a notice, and what was judged is assessed. Facts keep their values; only names of keys change.
-- Run by `perennial migrate` as role owner.

alter table ledger.outbox rename column letter to notice;

alter table ledger.evaluations disable trigger facts_stay;
update ledger.evaluations
set evidence = replace(replace(replace(
    evidence::text,
    '"judged_again_on":', '"compared_again_on":'),
    '"is_judged":', '"is_assessed":'),
    '"not judged"', '"not assessed"')::jsonb;
alter table ledger.evaluations enable trigger facts_stay;

comment on table ledger.looks is 'One row per look of the sequential test, on all as_ofs compared so far';
