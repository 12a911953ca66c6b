"""Every model of this home on the tables of tests/models/, and what Airflow loads."""


def test_a_model_keeps_a_rule(model_rule):
    assert model_rule.fault == ""


def test_airflow_reads_dags_and_plugins(airflow_errors):
    assert airflow_errors == {}
