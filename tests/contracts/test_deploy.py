"""The files in deploy/ are what docs/INSTALL.md says of them: systemd checks its units, the rest is read here."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from apiflask import APIFlask

from lms.cli.main import COMMANDS
from lms.config import SETTINGS, Config
from lms.web.request.bodies import PLAIN_BYTES, limit_of
from tests.machine import lacks
from tests.rows import each_row

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
VARIABLES = {"LMS_CONFIG"} | {
    name for each in SETTINGS for name in (each.variable, *([each.file_variable] if each.is_secret else []))
}
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze (Debian's package systemd) is not installed here"
)


def commands_of(text: str) -> list[str]:
    """The `lms` commands that a text starts."""
    return re.findall(r"/opt/serai/bin/lms ([a-z]+)", text)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The units, with a command that is there in place of the installed one."""
    folder = tmp_path_factory.mktemp("units")
    command = folder / "lms"
    command.write_text("#!/bin/sh\n", encoding="ascii")
    command.chmod(0o755)
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/serai/bin/lms", str(command))
        (folder / unit.name).write_text(text, encoding="utf-8")
    return [folder / unit.name for unit in UNITS]


@systemd
def test_systemd_finds_nothing_wrong_with_the_units(installed: list[Path]) -> None:
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *installed], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")


@systemd
def test_systemd_calls_the_services_hardly_exposed(installed: list[Path]) -> None:
    services = [str(unit) for unit in installed if unit.suffix == ".service"]
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15"]
    for service in services:  # in tenths: at most 1.5 of 10
        done = subprocess.run([*command, service], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@each_row("unit", SERVICES)
def test_a_service_runs_a_command_with_the_settings_file_and_hardened(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    assert set(commands_of(text)) <= set(COMMANDS)
    assert len(commands_of(text)) == 1
    lines = text.splitlines()
    for line in (
        "User=serai", "Environment=LMS_CONFIG=/etc/serai/serai.env", "StateDirectory=serai", "UMask=0077",
        "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "CapabilityBoundingSet=",
    ):  # fmt: skip
        assert line in lines, line
    assert re.search(r"^MemoryMax=\d+G$", text, re.MULTILINE)
    if "Restart=always" in lines:  # a child that took too much memory ends nothing else
        assert "OOMPolicy=continue" in lines


def test_the_operator_is_told_of_every_service_that_fails() -> None:
    told = [unit for unit in SERVICES if "OnFailure=serai-failed@%n.service\n" in unit.read_text(encoding="utf-8")]
    assert {unit.name for unit in SERVICES} - {unit.name for unit in told} == {"serai-failed@.service"}


def test_logrotate_keeps_the_log_of_the_service_for_it_alone(tmp_path: Path) -> None:
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))  # as Debian has it
    program = shutil.which("logrotate", path=path) or lacks("logrotate", "logrotate")
    log, rules = tmp_path / "serai.log", tmp_path / "rules"
    log.write_text("{}\n" * 3)
    log.chmod(0o600)
    text = (DEPLOY / "logrotate" / "serai").read_text(encoding="utf-8")
    named = {line.split("append:")[1] for line in (DEPLOY / "logrotate" / "serai-log.conf").read_text().splitlines()
             if "append:" in line}  # fmt: skip
    assert named == {"/var/log/serai/serai.log"}
    assert "su serai serai" in text
    rules.write_text(text.replace("/var/log/serai/serai.log", str(log)).replace("su serai serai", ""))
    rules.chmod(0o600)
    command = [program, "--force", "--state", str(tmp_path / "state"), str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (log.read_text(), (tmp_path / "serai.log.1").read_text()) == ("", "{}\n" * 3)
    assert (tmp_path / "serai.log.1").stat().st_mode & 0o777 == 0o600


NGINX = DEPLOY / "nginx" / "serai.conf"
UPLOADS_END = "    # Addresses that take files: end\n"
_PARTS = {"int": "[0-9]+", "": "[^/]+"}


def upload_locations(app: APIFlask) -> str:
    """The locations of nginx for the addresses that read more than 1 MB, by how much they read and what for."""
    addresses: dict[tuple[int, str], set[str]] = {}
    for rule in app.url_map.iter_rules():
        limit = limit_of(rule.endpoint)
        if {"POST", "PUT", "PATCH"} & (rule.methods or set()) and limit > PLAIN_BYTES:
            pattern = re.sub(r"<(?:(\w+):)?\w+>", lambda part: _PARTS[part[1] or ""], rule.rule)
            megabytes = limit // PLAIN_BYTES + 1
            pool = POOLS.get(rule.endpoint, LARGE if megabytes > LARGE_MB else OTHER)
            if pool:
                addresses.setdefault((megabytes, pool), set()).add(pattern)
    return "".join(
        _LOCATION.format(addresses="|".join(sorted(patterns)), megabytes=megabytes, pool=pool)
        for (megabytes, pool), patterns in sorted(addresses.items())
    )


_LOCATION = """\
    location ~ "^({addresses})$" {{
        client_max_body_size {megabytes}m;
        limit_conn serai_clients 1000;
{pool}        proxy_pass http://serai;
    }}
"""
LARGE_MB = 50
OTHER = "        limit_conn serai_uploaders 32;\n        limit_conn serai_uploads 120;\n"
LARGE = "        limit_conn serai_large_uploaders 16;\n        limit_conn serai_large_uploads 40;\n"
POOLS = {
    "certificates.verify_file": (
        "        limit_conn serai_verifiers 16;\n        limit_conn serai_verifications 100;\n"
    ),
    "streaming.put_chunk": "",  # a location of its own, below them
}
"""What is limited together, by what strangers may use and by how much of the disk it takes."""


def test_nginx_takes_large_bodies_only_where_the_application_does(app: APIFlask) -> None:
    text = NGINX.read_text(encoding="utf-8")
    head, begin, rest = text.partition("# application's, so that the application itself says what is too large.\n")
    _old, end, tail = rest.partition(UPLOADS_END)
    assert begin
    assert end
    with app.app_context():
        expected = f"{head}{begin}{upload_locations(app)}{end}{tail}"
    if os.environ.get("UPDATE_DOCS"):
        NGINX.write_text(expected, encoding="utf-8")
        return
    assert text == expected, (
        "UPDATE_DOCS=1 .venv/bin/pytest tests/contracts/test_deploy.py updates deploy/nginx/serai.conf"
    )


def test_clamav_reads_the_largest_file_of_a_lecture() -> None:
    """It calls clean, without reading it, what is larger than `MaxFileSize`."""
    printed = re.findall(r"'(\w+) (\d+)M'", (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8"))
    most = Config.load({}).max_material_mb
    assert {name for name, size in printed if int(size) >= most} == {"StreamMaxLength", "MaxFileSize", "MaxScanSize"}


def test_the_settings_file_is_read_as_it_is(tmp_path: Path) -> None:
    config = Config.load({"LMS_CONFIG": str(DEPLOY / "serai.env")})
    assert (config.data, config.proxies, config.base_url) == ("/var/lib/serai", 1, "https://lectures.example")
    text = (DEPLOY / "serai.env").read_text(encoding="utf-8")
    named = re.findall(r"^#?(LMS_\w+)=", text, re.MULTILINE)
    assert set(named) <= {setting.variable for setting in SETTINGS}
    assert len(named) == len(set(named))
    # With what is only suggested too
    whole = tmp_path / "serai.env"
    whole.write_text(re.sub(r"^#(LMS_\w+=.+)", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    assert Config.load({"LMS_CONFIG": str(whole)}).database.startswith("postgresql+psycopg://")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_compose_starts_each_part_confined(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"db", "init", "web", "worker", "packager", "nginx"}
    for name, service in services.items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service, name
    for name in ("init", "web", "worker", "packager"):
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        backups = ["./backups:/var/backups/serai"] if name == "worker" else []
        assert service["volumes"] == ["data:/var/lib/serai", *backups]
        assert service["command"][0] in COMMANDS
        assert set(service["environment"]) <= VARIABLES
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]  # it alone is reached


@each_row("name", ["compose.yaml", "compose.scale.yaml"])
def test_a_compose_file_starts_with_podman_too(name: str) -> None:
    """Its images have no health checks, it replaces nothing that another service depends on, and starts nothing beside
    one that has ended, and after a start of the machine only what is to be restarted always."""
    described = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    for service, part in described["services"].items():
        assert not {"depends_on", "network_mode", "profiles"} & set(part), service
        assert part["restart"] == ("on-failure" if service in {"init", "buckets"} else "always"), service
        if part.get("command", [""])[0] == "serve":
            assert "/readyz" in part["healthcheck"]["test"], service
    assert {key: secret["file"] for key, secret in described["secrets"].items()} == {
        key: f"./secrets/{key}" for key in described["secrets"]
    }


def test_compose_refers_to_what_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("secrets", [])) <= set(compose["secrets"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or source.startswith("./"), volume
    build = services["web"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()


@each_row("name", ["compose.yaml", "compose.scale.yaml"])
def test_no_container_takes_all_memory_and_nginx_keeps_what_is_large_on_the_disk(name: str) -> None:
    services = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))["services"]
    for service, described in services.items():
        assert re.fullmatch(r"[0-9]+[mg]", described["mem_limit"]), service
        for folder in described.get("tmpfs", []):
            assert re.search(r":size=[0-9]+[mg]$", folder), (service, folder)
    mounted = {volume.split(":")[1] for volume in services["nginx"]["volumes"]}
    assert {"/var/cache/nginx", "/var/lib/nginx"} <= mounted  # bodies and parts of answers, and what is cached


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, with lines that go on put together."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in whole.splitlines() if line]


def test_the_image_runs_as_nobody_in_particular() -> None:
    last_stage = instructions()[max(i for i, (name, _text) in enumerate(instructions()) if name == "FROM") :]
    given = dict(last_stage)
    assert given["USER"] == "10001:10001"
    assert given["VOLUME"] == "/var/lib/serai"
    assert "HEALTHCHECK" not in given  # images of the format OCI have none: the compose files have them
    assert given["ENTRYPOINT"] == '["lms"]'
    assert commands_of(given["CMD"].replace('["', "/opt/serai/bin/lms ")) == ["serve"]
    order = [name for name, _text in last_stage]
    assert max(i for i, name in enumerate(order) if name == "RUN") < order.index("USER")


def test_the_image_is_built_from_the_lock_and_the_wheel() -> None:
    installs = [text for name, text in instructions() if name == "RUN" and "pip install" in text]
    assert len(installs) == 2
    assert "--require-hashes -r /build/requirements-extras.txt" in installs[0]
    assert "--no-deps /build/serai-*.whl" in installs[1]
    assert {name for name, _text in instructions()} <= {
        "ARG", "FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    for name, text in instructions():
        if name == "RUN":
            assert shlex.split(text)


def test_no_file_names_a_host_to_download_from() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            hosts = re.findall(r"https?://([\w.-]+)", path.read_text(encoding="utf-8"))
            assert set(hosts) <= {"127.0.0.1", "lectures.example", "serai", "storage"}, path
