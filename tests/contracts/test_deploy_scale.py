"""The deployments on several machines: deploy/compose.scale.yaml and deploy/kubernetes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from lms.cli.main import COMMANDS, lms
from lms.config import SETTINGS
from tests.proxy import Certificate, make_certificate, nginx
from tests.rows import each_row

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSION = "1.30"
"""The oldest Kubernetes that the manifests are for, and the version of the schemas."""
VARIABLES = {"LMS_CONFIG"} | {
    name for each in SETTINGS for name in (each.variable, *([each.file_variable] if each.is_secret else []))
}
CERTIFICATES = "/etc/letsencrypt/live/lectures.example"
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"


def check_command(arguments: list[str]) -> None:
    """Parses a command line as `lms` does."""
    assert arguments[0] in COMMANDS
    command = lms.get_command(click.Context(lms), arguments[0])
    assert command is not None
    command.make_context(arguments[0], list(arguments[1:]))


# compose


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.scale.yaml").read_text(encoding="utf-8"))
    for name, service in loaded["services"].items():
        assert set(service.get("secrets", [])) <= set(loaded["secrets"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in loaded["volumes"] or source.startswith(("./", "/var/lib/serai")), volume
        assert set(service["networks"]) <= set(loaded["networks"]), name
    services: dict[str, Any] = loaded["services"]
    return services


def serai_services(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if service["image"] == "serai"}


def test_compose_has_each_process_of_a_large_site(services: dict[str, Any]) -> None:
    commands = [service["command"][0] for service in serai_services(services).values()]
    assert sorted(commands) == ["init", "packager", "serve", "serve", "serve", "worker", "worker"]
    assert set(services) - set(serai_services(services)) == {"db", "valkey", "storage", "buckets", "nginx"}


def test_compose_starts_each_process_confined_and_with_known_settings(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "network_mode"} & set(service), name
        assert name == "nginx" or "ports" not in service, name
    for name, service in serai_services(services).items():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert set(service["environment"]) <= VARIABLES, name
        secrets = {f"/run/secrets/{secret}" for secret in service["secrets"]}
        files = {value for key, value in service["environment"].items() if value.startswith("/run/")}
        assert files == secrets, name
        check_command(service["command"])


def test_compose_shares_no_data_folder(services: dict[str, Any]) -> None:
    for name, service in serai_services(services).items():
        backups = ["./backups:/var/backups/serai"] if name == "worker1" else []
        assert service["volumes"] == ["/var/lib/serai", *backups], name


def test_every_service_that_answers_says_how_it_is(services: dict[str, Any]) -> None:
    for name in ("db", "valkey", "storage", "nginx"):
        assert services[name]["healthcheck"]["test"][0] == "CMD", name
    for name, service in serai_services(services).items():
        assert ("healthcheck" in service) == ("serve" in service["command"]), name


def test_nginx_of_compose_has_three_servers_and_the_media_key(services: dict[str, Any], tmp_path: Path) -> None:
    (shell, flag, script) = services["nginx"]["command"]
    assert (shell, flag) == ("/bin/sh", "-c")
    sed, separator, start = script.replace("$$", "$").partition(" && ")
    assert (separator, start) == (" && ", 'exec nginx -g "daemon off;"')
    (tmp_path / "media-key").write_text("a-key-of-picture-and-sound\n", encoding="ascii")
    paths = {
        "/run/secrets/media-key": tmp_path / "media-key",
        "/run/serai.conf": DEPLOY / "nginx" / "serai.conf",
        "/etc/nginx/conf.d/serai.conf": tmp_path / "serai.conf",
    }
    for old, new in paths.items():
        assert old in sed
        sed = sed.replace(old, str(new))
    subprocess.run(["/bin/sh", "-c", sed], check=True, env={**os.environ, "SERAI_HOST": "lectures.test"})
    text = (tmp_path / "serai.conf").read_text(encoding="utf-8")
    assert text.count(":8000 max_fails=1 fail_timeout=5s;") == 3
    assert "the-value-of-LMS_MEDIA_KEY" not in text
    assert '"a-key-of-picture-and-sound"' in text
    assert "lectures.example" not in text
    assert text.count("server_name lectures.test;") == 2
    check_with_nginx(text.replace("/run/tls", CERTIFICATES), make_certificate(tmp_path), tmp_path)


def check_with_nginx(text: str, certificate: Certificate, folder: Path) -> None:
    """Has nginx read a configuration; names of servers stand for this machine."""
    for old, new in {
        f"{CERTIFICATES}/fullchain.pem": str(certificate.chain),
        f"{CERTIFICATES}/privkey.pem": str(certificate.key),
        "/var/lib/nginx": str(folder),
        "/var/log/nginx": str(folder),
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl;\n": "",
    }.items():
        text = text.replace(old, new)
    text = re.sub(r"server web(\d):", r"server 127.0.0.\1:", text)
    whole = (
        f"pid {folder}/nginx.pid; events {{}} http {{\n"
        + "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + text
        + "}\n"
    )
    (folder / "nginx.conf").write_text(whole, encoding="utf-8")
    command = [nginx(), "-t", "-q", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Kubernetes


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                yield f"{path.name}: {document['kind']} {document['metadata']['name']}", document


MANIFESTS = dict(manifests())


def templates() -> dict[str, dict[str, Any]]:
    """The template of the pods of each workload."""
    found = {}
    for name, document in MANIFESTS.items():
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found[name] = spec["template"]
    return found


PODS = templates()


@each_row("name", MANIFESTS)
def test_a_manifest_is_valid(name: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], VERSION, strict=True)


def test_the_base_names_every_manifest() -> None:
    base = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(base["resources"]) == {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert [image["name"] for image in base["images"]] == ["serai"]
    assert [secret["name"] for secret in base["secretGenerator"]] == ["serai"]
    if kustomize := shutil.which("kustomize"):
        subprocess.run([kustomize, "build", KUBERNETES], check=True, capture_output=True)


@each_row("name", PODS)
def test_a_pod_is_confined(name: str) -> None:
    spec = PODS[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/tmp", "/var/lib/serai", "/etc/serai"} <= mounts
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}


@each_row("name", PODS)
def test_a_pod_runs_a_command_of_lms_with_known_settings(name: str) -> None:
    (container,) = PODS[name]["spec"]["containers"]
    assert container["image"] == "serai"
    assert {variable["name"] for variable in container["env"]} <= VARIABLES
    if "command" not in container:
        check_command(container["args"])
        return
    assert container["command"] == ["/bin/sh", "-c"]
    line = container["args"][0].replace("$$", "$")
    printed = subprocess.run(
        ["/bin/sh", "-c", line.replace("exec lms ", "echo ")], check=True, capture_output=True, text=True
    )
    check_command(shlex.split(printed.stdout))


def test_what_runs_all_the_time_is_spread_and_stays_during_maintenance() -> None:
    deployments = [document for document in MANIFESTS.values() if document["kind"] == "Deployment"]
    budgets = [document for document in MANIFESTS.values() if document["kind"] == "PodDisruptionBudget"]
    assert {document["metadata"]["labels"][COMPONENT] for document in deployments} == {"web", "worker", "packager"}
    for deployment in deployments:
        labels = deployment["spec"]["selector"]["matchLabels"]
        template = deployment["spec"]["template"]
        assert template["metadata"]["labels"] == labels
        assert [rule["labelSelector"]["matchLabels"] for rule in template["spec"]["topologySpreadConstraints"]] == [
            labels
        ] * 2
        (budget,) = [budget for budget in budgets if budget["spec"]["selector"]["matchLabels"] == labels]
        assert 0 < budget["spec"]["minAvailable"] < deployment["spec"]["replicas"]


def test_web_pods_are_asked_how_they_are_and_leave_before_they_stop() -> None:
    spec = PODS["web.yaml: Deployment serai-web"]["spec"]
    (container,) = spec["containers"]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/healthz", "readiness": "/readyz", "liveness": "/healthz"}
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause + 20 < spec["terminationGracePeriodSeconds"]  # gunicorn's graceful_timeout


def test_only_web_pods_are_reached_but_for_metrics() -> None:
    policies = [document["spec"] for document in MANIFESTS.values() if document["kind"] == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    metrics = MANIFESTS["network-policies.yaml: NetworkPolicy serai-metrics-in"]["spec"]
    assert [rule["ports"] for rule in metrics["ingress"]] == [[{"port": "metrics", "protocol": "TCP"}]]
    assert [source["namespaceSelector"]["matchLabels"] for rule in metrics["ingress"] for source in rule["from"]] == [
        {"kubernetes.io/metadata.name": "monitoring"}
    ]
    policies.remove(metrics)
    reached = [policy["podSelector"]["matchLabels"] for policy in policies if "ingress" in policy]
    service = MANIFESTS["web.yaml: Service serai-web"]
    assert reached == [{NAME: "serai", COMPONENT: "web"}]
    assert service["spec"]["selector"] == {NAME: "serai", COMPONENT: "web"}
    ingress = MANIFESTS["ingress.yaml: Ingress serai"]["spec"]["rules"][0]["http"]["paths"]
    assert [path["backend"]["service"]["name"] for path in ingress] == [service["metadata"]["name"]]


def test_no_secret_is_in_a_manifest() -> None:
    assert not [name for name, document in MANIFESTS.items() if document["kind"] == "Secret"]
    text = "".join(path.read_text(encoding="utf-8") for path in KUBERNETES.glob("*.yaml"))
    assert os.linesep.join(re.findall(r"password: \S+", text, re.IGNORECASE)) == ""
