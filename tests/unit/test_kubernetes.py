"""The files of deploy/kubernetes: what each says, and what `kubectl kustomize` makes of the overlays, under the strict schema."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from perennial.cli import load_commands
from perennial.config.variables import VARIABLES
from tests.paths import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
KUBERNETES = "1.34"
OVERLAYS = ("base", "overlays/production", "overlays/trial")
with_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: nothing builds overlays")


def read_all(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


def list_kustomizations() -> dict[Path, dict[str, Any]]:
    return {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.rglob("kustomization.yaml"))}


KUSTOMIZATIONS = list_kustomizations()
RESOURCES = {
    path.parent / name: read_all((path.parent / name).read_text(encoding="utf-8"))
    for path, said in KUSTOMIZATIONS.items()
    for name in said["resources"]
    if name.endswith(".yaml")
}
PATCHES = [
    (path.parent, read_all((path.parent / patch["path"]).read_text(encoding="utf-8"))[0])
    for path, said in KUSTOMIZATIONS.items()
    for patch in said.get("patches", [])
    if "path" in patch
]
SOURCES = [
    pytest.param(each, id=f"{path.stem}-{each['kind']}-{n}") for path, found in RESOURCES.items() for n, each in enumerate(found)
]
VALUES = yaml.safe_load((FOLDER / "airflow" / "values.yaml").read_text(encoding="utf-8"))


@cache
def build(overlay: str) -> tuple[dict[str, Any], ...]:
    """What an overlay comes to."""
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(read_all(done.stdout))


def find_pods(manifests):
    """Every template of a pod, with the name of what makes it."""
    return {each["metadata"]["name"]: each["spec"]["template"] for each in manifests if "template" in each.get("spec", {})}


every_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


# Files, without a tool
@pytest.mark.parametrize("manifest", SOURCES)
def test_a_resource_follows_the_strict_schema(manifest):
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_a_misspelt_key_is_found():
    manifest = next(each for found in RESOURCES.values() for each in found if each["kind"] == "Deployment")
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate({**manifest, "spec": {**manifest["spec"], "replica": 1}}, KUBERNETES, strict=True)


@pytest.mark.parametrize("path", sorted(KUSTOMIZATIONS), ids=lambda path: path.parent.name)
def test_every_file_of_a_folder_is_named_in_its_kustomization(path):
    said = KUSTOMIZATIONS[path]
    named = {name for name in said["resources"] if name.endswith(".yaml")} | {
        patch["path"] for patch in said.get("patches", []) if "path" in patch
    }
    assert named == {file.name for file in path.parent.glob("*.yaml")} - {"kustomization.yaml"}
    assert [name for name in said["resources"] if not name.endswith(".yaml") and not (path.parent / name).is_dir()] == []


@pytest.mark.parametrize(("folder", "patch"), PATCHES, ids=lambda each: each.name if isinstance(each, Path) else each["kind"])
def test_a_patch_has_a_target_in_the_base(folder, patch):
    there = {(each["apiVersion"], each["kind"], each["metadata"]["name"]) for found in RESOURCES.values() for each in found}
    assert (patch["apiVersion"], patch["kind"], patch["metadata"]["name"]) in there


# What kustomize makes of them
@with_kubectl
@every_overlay
def test_what_is_built_follows_the_strict_schema(overlay):
    for manifest in build(overlay):
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@with_kubectl
@every_overlay
def test_what_is_built_is_complete(overlay):
    kinds = sorted({each["kind"] for each in build(overlay)} - {"HorizontalPodAutoscaler"})
    assert kinds == [
        "ConfigMap",
        "Deployment",
        "Job",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    ]
    assert set(find_pods(build(overlay))) == {"perennial-migrate", "perennial-exporter", "perennial-serve"}


@with_kubectl
@every_overlay
def test_a_pod_runs_without_root_and_without_any_right(overlay):
    for pod in (template["spec"] for template in find_pods(build(overlay)).values()):
        security = pod["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"], security["seccompProfile"]) == (
            True,
            10001,
            {"type": "RuntimeDefault"},
        )
        assert (pod["automountServiceAccountToken"], pod["serviceAccountName"]) == (False, "perennial")
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


@with_kubectl
@every_overlay
def test_a_container_has_limits_a_tag_and_somewhere_to_write(overlay):
    for pod in (template["spec"] for template in find_pods(build(overlay)).values()):
        (container,) = pod["containers"]
        assert (
            set(container["resources"]["limits"])
            == set(container["resources"]["requests"])
            == {"cpu", "memory", "ephemeral-storage"}
        )
        assert container["image"].startswith("registry.example.com/shop/perennial:0.")
        assert {"/tmp", "/home/perennial"} <= {mount["mountPath"] for mount in container["volumeMounts"]}


@with_kubectl
@every_overlay
def test_what_stays_up_has_every_probe_on_a_port_that_it_has(overlay):
    for name, pod in find_pods(build(overlay)).items():
        (container,) = pod["spec"]["containers"]
        probes = {key: probe["httpGet"] for key, probe in container.items() if key.endswith("Probe")}
        ports = {port["name"] for port in container.get("ports", [])}
        wanted = set() if name == "perennial-migrate" else {"startupProbe", "livenessProbe", "readinessProbe"}
        assert set(probes) == wanted
        assert {get["port"] for get in probes.values()} <= ports
        assert {get["path"] for get in probes.values()} <= {"/health", "/ready"}


@with_kubectl
@every_overlay
def test_a_password_comes_from_a_secret_and_nothing_makes_one(overlay):
    assert "Secret" not in {each["kind"] for each in build(overlay)}
    for template in find_pods(build(overlay)).values():
        for variable in template["spec"]["containers"][0]["env"]:
            assert ("valueFrom" in variable) == variable["name"].endswith("_URL") or variable["name"] == "PERENNIAL_MLFLOW_URI"


@with_kubectl
@every_overlay
def test_a_service_and_a_policy_choose_pods_that_there_are(overlay):
    pods = [template["metadata"]["labels"] for template in find_pods(build(overlay)).values()]
    for each in build(overlay):
        if each["kind"] in ("Service", "NetworkPolicy"):
            chosen = each["spec"]["selector"] if each["kind"] == "Service" else each["spec"]["podSelector"].get("matchLabels", {})
            assert chosen["app.kubernetes.io/name"] == "perennial"
            assert [labels for labels in pods if chosen.items() <= labels.items()] != []


@with_kubectl
@every_overlay
def test_what_no_policy_names_is_closed(overlay):
    policies = {each["metadata"]["name"]: each["spec"] for each in build(overlay) if each["kind"] == "NetworkPolicy"}
    closed = policies.pop("perennial-nothing")
    assert (closed["policyTypes"], "ingress" in closed, "egress" in closed) == (["Ingress", "Egress"], False, False)
    ports = {
        (kind, port["port"])
        for spec in policies.values()
        for kind in ("ingress", "egress")
        for rule in spec.get(kind, [])
        for port in rule["ports"]
    }
    assert ports == {
        ("egress", 53),
        ("egress", 5432),
        ("egress", 5000),
        ("ingress", "metrics"),
        ("ingress", "http"),
    }


@with_kubectl
def test_an_overlay_changes_what_it_says():
    serve = {overlay: find_pods(build(overlay))["perennial-serve"]["spec"]["containers"][0] for overlay in OVERLAYS}
    memory = {overlay: container["resources"]["limits"]["memory"] for overlay, container in serve.items()}
    assert memory == {"base": "2Gi", "overlays/production": "4Gi", "overlays/trial": "1Gi"}
    replicas = {
        overlay: next(
            each["spec"].get("replicas")
            for each in build(overlay)
            if each["metadata"]["name"] == "perennial-serve" and each["kind"] == "Deployment"
        )
        for overlay in OVERLAYS
    }
    assert replicas == {"base": 2, "overlays/production": None, "overlays/trial": 1}


PODS = {name: pod for found in RESOURCES.values() for name, pod in find_pods(found).items()}


@pytest.mark.parametrize("name", PODS)
def test_a_command_with_its_options_and_variables_exists(name):
    (container,) = PODS[name]["spec"]["containers"]
    program, command, *words = container["command"]
    known = get_command(load_commands()).commands[command]
    assert program == "perennial"
    assert {word for word in words if word.startswith("-")} <= {option for each in known.params for option in each.opts}
    assert {variable["name"] for variable in container["env"]} <= {variable.name for variable in VARIABLES}


@pytest.mark.parametrize("name", [name for name, pod in PODS.items() if "ports" in pod["spec"]["containers"][0]])
def test_a_pod_listens_where_its_probes_and_prometheus_look(name):
    (container,) = PODS[name]["spec"]["containers"]
    (port,) = container["ports"]
    words = container["command"]
    assert (
        words[words.index("--port") + 1]
        == str(port["containerPort"])
        == PODS[name]["metadata"]["annotations"]["prometheus.io/port"]
    )
    assert words[words.index("--host") + 1] == "0.0.0.0"


# Airflow's chart
def test_the_values_for_airflow_hold_no_secret_and_run_without_root():
    secrets = {key: value for key, value in VALUES.items() if key.endswith("SecretName")} | VALUES["data"]
    assert set(secrets) == {"metadataSecretName", "fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName"}
    assert VALUES["createUserJob"]["defaultUser"]["enabled"] is False
    assert VALUES["securityContexts"]["pod"]["runAsNonRoot"] is True
    assert VALUES["networkPolicies"]["enabled"] is True


def test_the_values_and_the_template_of_a_task_name_the_same_user_and_settings():
    template = yaml.safe_load((ROOT / "docs" / "how-to" / "pod-template.yml").read_text(encoding="utf-8"))
    assert VALUES["securityContexts"]["pod"] == template["spec"]["securityContext"]
    assert yaml.safe_load(VALUES["extraEnvFrom"]) == template["spec"]["containers"][0]["envFrom"]


def test_the_release_of_airflow_is_that_of_the_lock():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert f"\napache-airflow=={VALUES['airflowVersion']} " in lock
