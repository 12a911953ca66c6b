"""What Airflow loads beside the files in dags/."""
