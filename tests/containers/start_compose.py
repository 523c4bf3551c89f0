"""The documented commands for containers, run as printed with podman: `make test-containers`.

pytest collects this file only when it is named: it needs root, downloads Debian's packages and takes ten minutes at
first. systemd, which runs health checks on other machines, need not be there: they are run here.
"""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.containers.stand_ins import make_all
from tests.ports import free_port
from tests.proxy import HOST, make_certificate

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("INSTALL.md", "SEVERAL_MACHINES.md")
DOCUMENTS = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in NAMES)
LEFT_OUT = "editor() { :; }; systemctl() { :; }; sleep() { command sleep 5; }\n"
"""What of the commands is for a person or a machine with systemd, and a wait that is longer than it has to be here."""

REMOVE = """
podman pod rm -f -t 5 pod_serai-tests; podman network rm -f serai-tests_inner
podman volume ls -q --filter name=serai-tests_ | xargs -r podman volume rm
"""


def blocks_of(heading: str) -> list[str]:
    """The blocks of commands below a heading."""
    section = re.split(r"^##? ", DOCUMENTS.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return [textwrap.dedent(block) for block in re.findall(r"^ *```sh\n(.*?)^ *```", section, re.MULTILINE | re.DOTALL)]


@dataclass
class Deployment:
    """A copy of deploy/ in which the commands are run, with ports of the tests."""

    folder: Path
    port: int

    def run(self, commands: str, **replaced: str) -> str:
        for old, new in replaced.items():
            assert old in commands
            commands = commands.replace(old, new)
        shell = ["bash", "-eu", "-o", "pipefail", "-c", LEFT_OUT + commands]
        done = subprocess.run(shell, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def wait(self) -> None:
        """Waits until the site answers through nginx, and nothing is degraded."""
        context = ssl.create_default_context(cafile=str(self.folder / "tls" / "fullchain.pem"))
        address, until = f"https://{HOST}:{self.port}/readyz", time.monotonic() + 300
        while True:
            with suppress(OSError), urllib.request.urlopen(address, timeout=10, context=context) as answer:
                if answer.read() == b"ok\n":
                    return
            assert time.monotonic() < until, self.run("podman ps -a")
            time.sleep(1)

    def check(self, *services: str) -> None:
        """Each of these has a health check, which finds that it is well as soon as it runs."""
        until = time.monotonic() + 120
        for service in services:
            command = ["podman", "healthcheck", "run", f"serai-tests_{service}_1"]
            while subprocess.run(command, capture_output=True).returncode:
                assert time.monotonic() < until, service
                time.sleep(1)


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "serai-tests")
    make_all()
    (build,) = [line for line in blocks_of("In containers")[0].splitlines() if line.startswith("podman build")]
    subprocess.run(build, shell=True, cwd=ROOT, check=True)
    folder = tmp_path / "deploy"
    shutil.copytree(ROOT / "deploy", folder)
    prepared = Deployment(folder, free_port())
    prepared.run(blocks_of("In containers")[1], **{"cd deploy\n": "", "your.host": HOST})
    certificate = make_certificate(tmp_path)
    shutil.copy(certificate.chain, folder / "tls" / "fullchain.pem")
    shutil.copy(certificate.key, folder / "tls" / "privkey.pem")
    for path in folder.glob("compose*.yaml"):
        text = path.read_text(encoding="utf-8")
        for inner, outer in ((80, free_port()), (443, prepared.port)):
            text = text.replace(f'"{inner}:{inner}"', f'"127.0.0.1:{outer}:{inner}"')
        path.write_text(text, encoding="utf-8")
    try:
        yield prepared
    finally:
        subprocess.run(REMOVE, shell=True)


def test_one_machine_starts_backs_up_updates_and_is_restored(deployment: Deployment) -> None:
    _build, _prepare, start, backup, update, restore = blocks_of("In containers")
    up, *rest = start.splitlines(keepends=True)
    deployment.run(up)
    deployment.wait()
    assert f"https://{HOST}/sign-in/" in deployment.run("".join(rest))
    deployment.check("db", "web")
    deployment.run(backup)
    (taken,) = deployment.folder.joinpath("backups").iterdir()
    assert (taken / "manifest.json").exists()
    deployment.run(update)
    deployment.wait()
    *lines, check = restore.splitlines(keepends=True)
    deployment.run("".join(lines), **{"20261127T020000Z": taken.name, " deploy_": " serai-tests_"})
    deployment.wait()
    found = deployment.run(f"{check.strip()} || true")  # there is no mail server
    assert "ok       integrity: no damage found" in found
    people = deployment.run("podman compose exec -T db psql -U serai -Atc 'SELECT address FROM person_email'")
    assert people == "you@ministry.example\n"


def test_several_processes_of_each_kind_start_back_up_and_are_replaced_one_by_one(deployment: Deployment) -> None:
    start, update = blocks_of("Containers and Kubernetes")
    *lines, create = start.splitlines(keepends=True)
    deployment.run("".join(lines))
    deployment.wait()  # no engine is degraded
    assert f"https://{HOST}/sign-in/" in deployment.run(create)
    deployment.check("db", "valkey", "storage", "web1", "web2", "web3", "nginx")
    (line,) = [line for line in blocks_of("In containers")[3].splitlines() if "lms backup" in line]
    deployment.run(line, **{"podman compose exec -T worker": "podman compose -f compose.scale.yaml exec -T worker1"})
    (taken,) = deployment.folder.joinpath("backups").iterdir()
    assert (taken / "manifest.json").exists()
    before = deployment.run("podman ps --no-trunc --format '{{.Names}} {{.ID}}'").splitlines()
    deployment.run(update)
    deployment.wait()
    after = deployment.run("podman ps --no-trunc --format '{{.Names}} {{.ID}}'").splitlines()
    assert [line.split()[0] for line in sorted(set(before) - set(after))] == ["serai-tests_web1_1"]
