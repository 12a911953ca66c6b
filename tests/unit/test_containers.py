"""The container files keep the rules of the house; bringing them up for real takes a Docker engine, which tests do without."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from perennial.cli import load_commands
from perennial.homes import make_home
from perennial.homes.files import SHARED, TEMPLATE
from perennial.stores.warehouse import render_install
from tests.paths import ROOT
from tests.scaled import OF_THE_HUB

TOOLS = Path(sys.executable).parent
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SCALE_TEXT = (ROOT / "docker-compose.scale.yml").read_text(encoding="utf-8")
SCALE: dict[str, Any] = yaml.safe_load(SCALE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = {
    "broker": SCALE["services"]["broker"],
    "worker": {**SERVICES[SCALE["services"]["worker"]["extends"]["service"]], **SCALE["services"]["worker"]},
}
"""The services that the second file adds, with what one of them takes over."""
ONE_SHOT = {"install", "migrate"}
EXAMPLE_LINES = [line for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
EXAMPLE = dict(line.split("=", 1) for line in EXAMPLE_LINES)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

EVERY_SERVICE = SERVICES | WORKERS
every_service = pytest.mark.parametrize("name", sorted(EVERY_SERVICE))


def run_tool(*command: str) -> str:
    """What the tool complains about; empty when it is content."""
    done = subprocess.run([str(TOOLS / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def has_docker_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0


with_docker_compose = pytest.mark.skipif(not has_docker_compose(), reason="Docker Compose is not installed on this machine")


@pytest.mark.parametrize("file", ["docker-compose.yml", "docker-compose.scale.yml"])
def test_a_compose_file_follows_the_compose_schema(file):
    assert run_tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file) == ""


def test_the_pod_template_follows_the_strict_schema_of_kubernetes():
    pod = yaml.safe_load((ROOT / "docs" / "how-to" / "pod-template.yml").read_text(encoding="utf-8"))
    kubernetes_validate.validate(pod, "1.34", strict=True)
    assert [container["name"] for container in pod["spec"]["containers"]] == ["base"]
    pod["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="volumeMount"):
        kubernetes_validate.validate(pod, "1.34", strict=True)


WORKFLOWS = sorted(path for home in (ROOT, TEMPLATE) for path in (home / ".github" / "workflows").iterdir())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_workflow_follows_the_schema_of_workflows(path):
    assert run_tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)) == ""


def test_the_workflow_of_a_plan_gives_no_token_to_what_a_request_brings():
    text = (TEMPLATE / ".github" / "workflows" / "plan.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    jobs = workflow["jobs"]
    assert ({}, {"contents": "read"}, {"pull-requests": "write"}) == (
        workflow["permissions"],
        jobs["plan"]["permissions"],
        jobs["comment"]["permissions"],
    )
    assert ([], "token" in str(jobs["plan"])) == ([step for step in jobs["comment"]["steps"] if "uses" in step], False)
    assert [] == [
        step["uses"] for step in jobs["plan"]["steps"] if not re.search(r"@[0-9a-f]{40}$", step.get("uses", "@" + 40 * "0"))
    ]
    assert [] == [step["name"] for job in jobs.values() for step in job["steps"] if "${{" in step.get("run", "")]


def test_what_wants_an_environment_of_its_own_is_a_step_of_its_own_with_a_cache():
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))["jobs"]["test"]["steps"]
    runs = [step.get("run") for step in steps]
    (cache,) = (step["with"] for step in steps if step.get("uses", "").startswith("actions/cache@"))
    assert cache["path"] == ".exits"
    assert 'ROOT / ".exits" / ' in (ROOT / "tests" / "exits" / "test_feast.py").read_text(encoding="utf-8")
    assert [name for name in re.findall(r"'([^']+)'", cache["key"]) if not (ROOT / name).is_file()] == []
    assert runs.index("make test") < runs.index("make exits")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "--ignore=tests/exits tests\n" in makefile[makefile.index("\ntest:") :]


@pytest.mark.parametrize("folder", [ROOT, TEMPLATE], ids=["repository", "home"])
def test_hadolint_finds_nothing_in_a_dockerfile(folder):
    assert run_tool("hadolint", "--no-color", str(folder / "Dockerfile")) == ""


def configure(folder, tmp_path, *laid_over, **variables):
    """What Docker Compose makes of the file in a folder, and of others laid over it, with every gap of .env.example filled."""
    filled = tmp_path / "env"
    values = {name: value or "x" for name, value in EXAMPLE.items()} | variables
    filled.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    files = [part for name in ("docker-compose.yml", *laid_over) for part in ("--file", name)]
    command = ["docker", "compose", "--env-file", str(filled), *files, "config", "--format", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def mounted_homes(configured):
    return {
        volume["source"]
        for service in configured["services"].values()
        for volume in service.get("volumes", [])
        if volume["target"] == "/opt/home"
    }


@with_docker_compose
def test_docker_compose_accepts_the_file(tmp_path):
    assert mounted_homes(configure(ROOT, tmp_path)) == {str(ROOT)}


@with_docker_compose
def test_docker_compose_accepts_both_files_together(tmp_path):
    worker = configure(ROOT, tmp_path, "docker-compose.scale.yml")["services"]["worker"]
    assert worker["environment"]["AIRFLOW__CORE__EXECUTOR"].endswith("CeleryExecutor")
    assert [volume.get("source") for volume in worker["volumes"] if volume["target"].endswith("/artifacts")] == [None]


@with_docker_compose
def test_docker_compose_mounts_a_home_outside_the_repository(tmp_path):
    make_home(tmp_path / "home")
    assert mounted_homes(configure(ROOT, tmp_path, PERENNIAL_HOME=tmp_path / "home")) == {str(tmp_path / "home")}


@with_docker_compose
def test_docker_compose_accepts_the_file_of_a_home(tmp_path):
    make_home(tmp_path / "home")
    configured = configure(tmp_path / "home", tmp_path)
    assert mounted_homes(configured) == {str(tmp_path / "home")}
    assert configured["services"]["install"]["build"]["context"] == str(tmp_path / "home")


def test_every_service_that_reads_models_has_the_home():
    homed = {name for name, service in SERVICES.items() if "${PERENNIAL_HOME:?}:/opt/home:ro" in service.get("volumes", [])}
    assert homed == {"migrate", "api-server", "scheduler", "dag-processor", "triggerer", "exporter"}


def test_the_services_are_those_of_the_design():
    airflow = {"api-server", "scheduler", "dag-processor", "triggerer"}
    watch = {name for name, service in SERVICES.items() if service.get("profiles") == ["watch"]}
    assert watch == {"exporter", "prometheus"}
    assert set(SERVICES) == {"install", "postgres", "migrate", "mlflow", "mail", *airflow, *watch}


def test_the_mail_service_runs_the_script_of_the_package_whatever_python_the_image_has():
    shell, option, command = SERVICES["mail"]["command"]
    script = re.fullmatch(r"exec python -I /opt/venv/lib/python3\.\*/site-packages/(\S+) 0\.0\.0\.0 8025 (\S+)", command)
    assert (shell, option, script[2]) == ("sh", "-c", "/var/lib/perennial/mail")
    assert (ROOT / "ml" / script[1]).is_file()


def test_prometheus_scrapes_the_exporter_and_has_the_rules():
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    options = {option.name: option.default for option in get_command(load_commands()).commands["metrics"].params}
    assert (job["job_name"], job["static_configs"]) == ("perennial", [{"targets": [f"exporter:{options['port']}"]}])
    assert SERVICES["exporter"]["command"] == ["perennial", "metrics", "--host", "0.0.0.0"]
    assert "./deploy/prometheus:/etc/prometheus:ro" in SERVICES["prometheus"]["volumes"]
    assert {"deploy/prometheus/prometheus.yml", *(f"deploy/prometheus/{name}" for name in config["rule_files"])} <= set(SHARED)


@every_service
def test_a_service_listens_on_this_machine_only(name):
    assert [port for port in EVERY_SERVICE[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@every_service
def test_a_service_does_not_run_as_root(name):
    user = str(EVERY_SERVICE[name]["user"]).split(":")[0]
    assert user not in ("", "root", "0")


@every_service
def test_a_service_gives_up_every_privilege(name):
    service = EVERY_SERVICE[name]
    assert (service["cap_drop"], service["security_opt"], service["read_only"], service["init"]) == (
        ["ALL"],
        ["no-new-privileges:true"],
        True,
        True,
    )


@every_service
def test_a_service_has_a_memory_limit(name):
    assert re.fullmatch(r"[1-9]\d*[mg]", EVERY_SERVICE[name]["mem_limit"])


@every_service
def test_a_service_that_stays_up_has_a_healthcheck_and_is_restarted(name):
    service = EVERY_SERVICE[name]
    is_checked = "test" in service["healthcheck"]
    assert (is_checked, service["restart"]) == ((False, "no") if name in ONE_SHOT else (True, "unless-stopped"))


@every_service
def test_an_image_has_a_fixed_tag(name):
    _, _, tag = EVERY_SERVICE[name]["image"].partition(":")
    assert tag not in ("", "latest")


def test_base_images_have_a_fixed_tag():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)
    assert [base for base in bases if ":" not in base or base.endswith(":latest")] == []


def test_one_service_builds_the_image_that_the_others_use():
    assert [name for name, service in SERVICES.items() if "build" in service] == ["install"]
    assert {service["image"] for service in SERVICES.values()} == {
        f"perennial:{version('perennial')}",
        "postgres:17",
        "prom/prometheus:v3.5.0",
    }


def test_the_image_needs_no_dockerfile_frontend_from_a_registry():
    assert "syntax=" not in DOCKERFILE


def test_the_image_ends_as_a_user_without_rights():
    assert re.findall(r"^USER (\S+)", DOCKERFILE, flags=re.MULTILINE)[-1] == SERVICES["migrate"]["user"]


def test_every_variable_must_be_set_and_is_explained_in_the_example():
    asked = re.findall(r"\$\{([^}]*)\}", COMPOSE_TEXT + SCALE_TEXT)
    assert {name.removesuffix(":?") for name in asked if name.endswith(":?")} == set(EXAMPLE)
    assert [name for name in asked if not name.endswith(":?")] == []


def test_every_variable_of_the_example_follows_a_sentence_about_it():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    orphans = [line for before, line in zip(["", *lines], lines, strict=False) if "=" in line and not before]
    assert orphans == []


@pytest.mark.parametrize("name", sorted(name for name in EXAMPLE if re.search("PASSWORD|SECRET|KEY", name)))
def test_the_example_holds_no_secret(name):
    assert EXAMPLE[name] == ""


@every_service
def test_no_password_stands_in_the_compose_file(name):
    environment = {
        key: str(value)
        for key, value in EVERY_SERVICE[name].get("environment", {}).items()
        if re.search("PASSWORD$|SECRET|_KEY$|_URL$|_URI$|_CONN", key)
    }
    literal = [value for value in environment.values() if re.search(r"://[^/:@]+:(?!\$\{)[^/]*@", value)]
    bare = [
        value for key, value in environment.items() if re.search("PASSWORD$|SECRET|_KEY$", key) and value and "${" not in value
    ]
    assert literal + bare == []


def test_the_healthcheck_of_postgres_needs_what_its_first_start_makes_last():
    (*_, last) = render_install().strip().splitlines()
    assert last == "alter role mlflow password :'mlflow_password';"
    assert "PGPASSWORD=$$MLFLOW_PASSWORD psql -h 127.0.0.1 -U mlflow -d mlflow" in SERVICES["postgres"]["healthcheck"]["test"][1]


def test_workers_share_no_cache_and_every_service_of_airflow_hands_its_tasks_to_them():
    assert [{"type": "volume", "target": "/var/lib/perennial/artifacts"}] == SCALE["services"]["worker"]["volumes"]
    told = SCALE["x-celery-environment"]
    services = {name: service.get("environment", {}) for name, service in SCALE["services"].items()}
    airflow = {"api-server", "scheduler", "dag-processor", "triggerer", "worker"}
    assert airflow == {name for name, environment in services.items() if told.items() <= environment.items()}
    assert (dict.fromkeys(OF_THE_HUB), services["scheduler"]) == (
        {variable: None for variable in services["worker"] if variable not in told},
        told,
    )
    assert told["AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS"] == "perennial.airflow.workers.CONFIGURATION"


def test_every_log_of_airflow_lies_in_that_folder():
    folders = [value for name, value in COMPOSE["x-airflow-environment"].items() if re.search("__LOG.*(FOLDER|DIRECTORY)$", name)]
    assert len(folders) == 2
    assert [folder for folder in folders if not folder.startswith("/var/lib/perennial/logs")] == []


def test_airflow_services_share_one_folder_of_logs():
    mounts = {name: SERVICES[name]["volumes"] for name in ("api-server", "scheduler", "dag-processor", "triggerer")}
    assert [name for name, volumes in mounts.items() if "logs:/var/lib/perennial/logs" not in volumes] == []


def test_every_service_of_airflow_signs_with_the_same_secrets():
    names = ("api-server", "scheduler", "dag-processor", "triggerer")
    own = {"HEARTBEAT_OF"}
    environments = [{k: v for k, v in SERVICES[name]["environment"].items() if k not in own} for name in names]
    assert all(environment == environments[0] for environment in environments)


def test_services_call_each_other_by_name_and_people_call_them_on_this_machine():
    environment = COMPOSE["x-airflow-environment"]
    inside = {urlsplit(environment[name]).hostname for name in ("PERENNIAL_AIRFLOW_URL", "PERENNIAL_MLFLOW_URI")}
    public = [environment[name] for name in ("PERENNIAL_AIRFLOW_PUBLIC_URL", "PERENNIAL_MLFLOW_PUBLIC_URL")]
    assert inside == {"api-server", "mlflow"}
    assert public == ["http://127.0.0.1:${AIRFLOW_PORT:?}", "http://127.0.0.1:${MLFLOW_PORT:?}"]


def test_the_folders_and_files_that_the_image_takes_exist():
    taken = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    assert [name for name in taken if not (ROOT / name).exists()] == []


def test_the_roles_and_databases_are_made_by_what_the_image_carries():
    """The roles come first, and what the healthcheck waits for last."""
    written = render_install()
    assert written.index("create role") < written.index("create database warehouse")
    assert "perennial migrate --install-sql > /var/lib/perennial/install/install.sql" in SERVICES["install"]["command"]
    assert SERVICES["install"]["volumes"] == ["install:/var/lib/perennial/install"]
    assert "install:/docker-entrypoint-initdb.d:ro" in SERVICES["postgres"]["volumes"]
    assert SERVICES["postgres"]["depends_on"] == {"install": {"condition": "service_completed_successfully"}}


def test_the_image_holds_the_wheel_and_no_home():
    assert "--editable" not in DOCKERFILE
    assert "-m hatchling build -t wheel" in DOCKERFILE
    assert re.findall(r"^COPY --from.*$", DOCKERFILE, flags=re.MULTILINE) == ["COPY --from=build /opt/venv /opt/venv"]


def test_the_image_takes_what_the_wheel_is_made_of():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    sources = {path.split("/")[0] for path in [*wheel["packages"], *wheel["force-include"]]}
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    assert taken == sources | {"LICENSE", "README.md", "pyproject.toml"}


def test_what_a_home_shares_with_the_repository_is_one_file():
    """The wheel takes these from the root of the repository; a clone reads them there."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {name: f"perennial/homes/template/{name}" for name in SHARED}
    assert [name for name in SHARED if (TEMPLATE / name).exists()] == []
    dags = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dags").glob("*.py") if path.name != "__init__.py"}
    assert dags <= set(SHARED)
