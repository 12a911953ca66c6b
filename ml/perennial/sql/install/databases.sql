-- Purpose: passwords of the roles, and a database for each owner. For psql, as superuser, once, after roles.sql.
-- Parameters: the environment variables read below; the container of PostgreSQL runs it when its volume is empty.
\getenv owner_password OWNER_PASSWORD
\getenv loader_password LOADER_PASSWORD
\getenv pipeline_password PIPELINE_PASSWORD
\getenv analyst_password ANALYST_PASSWORD
\getenv watcher_password WATCHER_PASSWORD
\getenv recorder_password RECORDER_PASSWORD
\getenv airflow_password AIRFLOW_PASSWORD

alter role owner password :'owner_password';
alter role loader password :'loader_password';
alter role pipeline password :'pipeline_password';
alter role analyst password :'analyst_password';
alter role watcher password :'watcher_password';
alter role recorder password :'recorder_password';
alter role airflow password :'airflow_password';

create database warehouse owner owner;
create database airflow owner airflow;
create database mlflow owner mlflow;

-- Whoever is not named here has no business in the database of another.
revoke connect, temporary on database warehouse, airflow, mlflow from public;
grant connect, temporary on database warehouse to loader, pipeline;
grant connect on database warehouse to analyst, watcher, recorder;
