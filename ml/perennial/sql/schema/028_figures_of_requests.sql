-- Purpose: what requests came to are figures that can be added up, whoever writes them: a day is judged by their sums.
-- Run by `perennial migrate` as role owner.

-- A score that is no number, or sums beyond what a double holds, would end a canary or every comparison of its arms. NaN is above all
-- numbers to PostgreSQL. Rows from before stay.
alter table ledger.requests add constraint figures_add_up check (
    errors <= rows
    and abs(score_sum) <= 1e120 and abs(score_squares) <= 1e220
    and seconds <= 1e9 and second_squares <= 1e18
) not valid;
