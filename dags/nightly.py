"""`perennial.nightly`: an Airflow DAG that looks every night at what must hold of all, as `perennial check --all` does."""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TriggerRule

from perennial.airflow.declared import installation_dag
from perennial.airflow.nightly import CheckOperator, DeliverOperator, MarkLostOperator, PurgeOperator

STORY = """\
Ends attempts whose process is gone (`lost`), takes away what `[retention]` of the model files keeps no longer (`perennial
purge --dry-run` shows it before), then looks at everything that must hold at any time: one live publication a day whose rows
are those that were published, one champion, lineage and hashes, nothing without a holder, no leak, mail that is out, rights,
and no password in a log. Looking changes nothing. What does not hold makes `check` red, each with its remedy, and the owners
of the models concerned get a mail. The same from a shell: `perennial check --all`."""

with installation_dag("nightly", cron="0 3 * * *", story=STORY) as dag:
    # A purge that a backup or a reader keeps waiting must not keep the check from looking; its failure leaves the run red.
    purge = MarkLostOperator(task_id="mark_lost") >> PurgeOperator(task_id="purge")
    check = CheckOperator(task_id="check", trigger_rule=TriggerRule.ALL_DONE)
    purge >> check >> DeliverOperator(task_id="mail").as_teardown()
    [purge, check] >> EmptyOperator(task_id="all_well")
