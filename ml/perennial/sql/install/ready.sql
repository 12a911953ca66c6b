-- Purpose: says that all before it was done: the healthcheck of the container logs in with this password. For psql, as superuser.
\getenv mlflow_password MLFLOW_PASSWORD
alter role mlflow password :'mlflow_password';
