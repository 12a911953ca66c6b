"""What Airflow runs: operators, DAG parts, links, pages and an executor. The only subpackage that imports Airflow."""
