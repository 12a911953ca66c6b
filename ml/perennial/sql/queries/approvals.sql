-- Purpose: questions to people about promotions; columns are those of `perennial.records.ApprovalQuestion`.

-- name: ask
-- A question that waits for a person; the same verdict is asked about once.
insert into ledger.approvals (
    model, as_of, version, champion_version, evaluation_id, because, deadline, actor, dag_run_id, purpose, effective_at
)
values (
    :model, :as_of, :version, :champion_version, :evaluation_id, cast(:because as text[]), :deadline, :actor, :dag_run_id,
    :purpose, :effective_at
)
on conflict (evaluation_id) do nothing;

-- name: question_of_evaluation
-- What was asked about a verdict.
select * from ledger.approvals where evaluation_id = :evaluation_id;

-- name: find_question
-- One question.
select * from ledger.approvals where question_id = :question_id;

-- name: open_question
-- What waits for an answer now: at most one question of a model.
select * from ledger.approvals where model = :model and status = 'open';

-- name: approved_question
-- What a person has approved and nobody has carried out, while the recipe that it was compared with still serves.
select *
from ledger.approvals
where model = :model and status = 'approved'
    and not exists (
        select from ledger.promotions
        where promotions.evaluation_id = approvals.evaluation_id and promotions.status = 'applied'
    )
    and ledger.recipe_of(model, champion_version) is not distinct from ledger.champion_recipe(model)
order by question_id desc
limit 1;

-- name: newest_question
-- The newest question of a model; of one version, or of one day, when given.
select *
from ledger.approvals
where model = :model and version = coalesce(:version, version) and as_of = coalesce(cast(:as_of as date), as_of)
order by as_of desc, question_id desc
limit 1;

-- name: question_status
-- What a waiting task has to know: an open question about a recipe that has gone counts as superseded.
select case
    when status = 'open' and ledger.recipe_of(model, champion_version) is distinct from ledger.champion_recipe(model)
        then 'superseded'
    else status
end as status
from ledger.approvals
where question_id = :question_id;

-- name: close_question
-- A question is answered, overtaken by a newer one, or out of time; one that is closed stays as it is.
update ledger.approvals
set status = :status, answered_by = :answered_by, answer_source = :answer_source, remark = :remark,
    answered_effective_at = :effective_at, answered_at = clock_timestamp()
where question_id = :question_id and status = 'open';

-- name: evaluation_of_question
-- The verdict that a question rests on.
select evaluation_id, evidence as verdict from ledger.evaluations where evaluation_id = :evaluation_id;
