"""Each library that is asked for is used; the bill of materials names all that is shipped."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.contracts.sources import READS_SOURCES, ROOT, trees

pytestmark = READS_SOURCES
USED_WITHOUT_IMPORT = {
    "tzdata": "zoneinfo reads it where the system has no time zones",
}

OPENTELEMETRY = {
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
}


def plain(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project() -> dict[str, Any]:
    """What pyproject.toml says of the product."""
    read: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return read


def optional() -> dict[str, list[str]]:
    """The libraries of each extra."""
    extras: dict[str, list[str]] = project()["optional-dependencies"]
    return extras


def asked_for() -> set[str]:
    """The libraries in pyproject.toml, with those of its extras."""
    extras = [item for items in optional().values() for item in items]
    return {plain(re.split(r"[\[<>=!~; ]", item)[0]) for item in [*project()["dependencies"], *extras]}


@cache
def imported() -> set[str]:
    """The packages whose modules the product imports."""
    provided_by = packages_distributions()
    modules: set[str] = set()
    for tree in [*trees("lms").values(), *trees("migrations").values()]:
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                if name.split(".")[0] == "opentelemetry":  # several libraries share this name
                    modules.add(next(library for part, library in OPENTELEMETRY.items() if name.startswith(part)))
                else:
                    modules |= {plain(package) for package in provided_by.get(name.split(".")[0], [])}
    return modules


def test_every_library_asked_for_is_imported_or_has_a_reason() -> None:
    unused = asked_for() - imported()
    assert unused == set(USED_WITHOUT_IMPORT)


def test_every_library_imported_is_asked_for() -> None:
    assert imported() - asked_for() == set()


def test_extras_are_imported_only_where_a_setting_asks_for_them() -> None:
    """Within functions; what is there for types alone is not imported."""
    extras = {plain(re.split(r"[\[<>=!~; ]", item)[0]).split("-")[0] for items in optional().values() for item in items}
    imported_at_once = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in trees().items()
        for node in tree.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name.split(".")[0] in extras and getattr(node, "level", 0) == 0
    }
    assert imported_at_once == set()
    assert {"valkey", "opentelemetry"} <= extras


def test_the_bill_of_materials_is_valid_and_names_all_that_is_locked(tmp_path: Path) -> None:
    file = tmp_path / "serai.cdx.json"
    done = subprocess.run([sys.executable, "-m", "tools.sbom", str(file)], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    text = file.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert bom["metadata"]["component"]["name"] == "serai"
    listed = {one["purl"]: one for one in bom["components"]}
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(locked) > 60
    assert {f"pkg:pypi/{name}@{version}" for name, version in locked} <= set(listed)
    assert {"pkg:npm/bootstrap@5.3.9", "pkg:npm/htmx.org@4.0.1"} <= set(listed)
    assert not any(purl.startswith(("pkg:npm/esbuild", "pkg:pypi/pytest")) for purl in listed)
    assert all(one["hashes"] for one in listed.values())
    depends = {one["ref"]: set(one.get("dependsOn", [])) for one in bom["dependencies"]}
    product = bom["metadata"]["component"]["bom-ref"]
    flask = next(one["bom-ref"] for purl, one in listed.items() if purl.startswith("pkg:pypi/flask@"))
    werkzeug = next(one["bom-ref"] for purl, one in listed.items() if purl.startswith("pkg:pypi/werkzeug@"))
    assert flask in depends[product]
    assert werkzeug in depends[flask]


@pytest.mark.long
def test_the_bill_of_materials_is_the_same_for_the_same_locks(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        file = tmp_path / name
        subprocess.run([sys.executable, "-m", "tools.sbom", str(file)], cwd=ROOT, check=True)
        written.append(file.read_text(encoding="utf-8"))
    assert written[0] == written[1]
