"""Writes the software bill of materials (CycloneDX 1.6, JSON) of what is shipped: `python -m tools.sbom FILE`.

Read from the lock files: the libraries that run, the fonts, and the packages of npm that are built into the assets.
A library's hashes are those of all its files that the lock allows. The same locks give the same document.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import uuid
from hashlib import sha256
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from lms.version import version_of

ROOT = Path(__file__).resolve().parents[1]
_PACKAGE = re.compile(r"^([a-z0-9-]+)==([^\s;\\]+)")


def python_packages(lock: str) -> tuple[list[Component], dict[str, set[str]]]:
    """The packages of a lock file, and by which others each is asked for."""
    components: list[Component] = []
    asked_by: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8")):
        if not (match := _PACKAGE.match(block)):
            continue
        name, version = match.groups()
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=one) for one in re.findall(r"sha256:(\w{64})", block)]
        purl = PackageURL("pypi", None, name, version)
        components.append(Component(name=name, version=version, purl=purl, bom_ref=str(purl), hashes=hashes))
        _before, _via, listed = block.partition("# via")
        asked_by[name] = set(re.findall(r"^\s*#?\s+(\S+)", listed, re.MULTILINE))
    return components, asked_by


def npm_packages() -> list[Component]:
    """The packages of npm that are built into the assets, without those that only build."""
    components = []
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for path, package in packages.items():
        if not path or package.get("dev") or package.get("peer"):
            continue
        scope, _slash, name = path.removeprefix("node_modules/").rpartition("/")
        purl = PackageURL("npm", scope or None, name, package["version"])
        content = base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
        hashes = [HashType(alg=HashAlgorithm.SHA_512, content=content)]
        components.append(
            Component(name=name, group=scope or None, version=package["version"], purl=purl, bom_ref=str(purl),
                      hashes=hashes)
        )  # fmt: skip
    return components


def make() -> Bom:
    """The whole document."""
    product = Component(name="serai", version=version_of(ROOT / "lms"), type=ComponentType.APPLICATION, bom_ref="serai")
    libraries, asked_by = python_packages("requirements-extras.txt")
    fonts = [one for lock in ("requirements-fonts.txt",) for one in python_packages(lock)[0]]
    others = [*fonts, *npm_packages()]
    bom = Bom(components=[*libraries, *others])
    bom.metadata.component = product
    # Both would differ each time
    bom.metadata.timestamp = None  # type: ignore[assignment]
    locks = b"".join(path.read_bytes() for path in sorted(ROOT.glob("*lock*.json")) + sorted(ROOT.glob("require*.txt")))
    bom.serial_number = uuid.UUID(bytes=sha256(locks).digest()[:16], version=4)
    by_name = {library.name: library for library in libraries}
    for name, library in by_name.items():
        bom.register_dependency(library, [one for other, one in by_name.items() if name in asked_by[other]])
    required = [library for library in libraries if "serai" in asked_by[library.name]]
    bom.register_dependency(product, [*required, *others])
    return bom


def main(file: Path) -> None:
    """Writes the document into `file`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = make_outputter(make(), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
