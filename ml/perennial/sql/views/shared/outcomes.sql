-- Purpose: what the outcomes of every task end with, in place of its mark: when known, of which publication, and set aside or not.
    outcomes.effective_at as known_at,
    outcomes.publication_id,
    coalesce((
        select event in ('rest', 'reject')
        from ledger.admissions
        where admissions.model = outcomes.model and admissions.as_of between outcomes.as_of - 6 and outcomes.as_of
        order by admissions.as_of desc, admission_id desc
        limit 1
    ), false) as is_set_aside
from ledger.outcomes
join ledger.publications on publications.publication_id = outcomes.publication_id
