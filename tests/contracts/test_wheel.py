"""A wheel built from the tree runs outside it: migrations, seeds, templates and built assets are inside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lms.core.text.i18n import LANGUAGES
from lms.version import build_version

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of a wheel built from this tree."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    (wheel,) = out.glob("serai-*.whl")
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "LMS_DATA": str(data)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=data, env=environment)


def test_a_wheel_runs_outside_the_tree(unpacked: Path, tmp_path: Path) -> None:
    answer = run(unpacked, tmp_path, "lms", "init")
    assert answer.stdout == f"Ready: {tmp_path}\n"
    assert (tmp_path / "serai.db").exists()
    shown = run(unpacked, tmp_path, "lms", "report", "totals", "--format", "json")
    assert '"sessions": 0' in shown.stdout


def test_a_wheel_has_what_the_pages_need(unpacked: Path) -> None:
    lms = unpacked / "lms"
    assert (lms / "static" / "build" / "manifest.json").exists()
    assert (lms / "seeds" / "countries.csv").exists()
    assert (lms / "web" / "templates" / "base.html").exists()
    assert list((lms / "migrations" / "versions").glob("*.py"))
    compiled = {path.parent.parent.name for path in (lms / "translations").glob("*/LC_MESSAGES/messages.mo")}
    assert compiled == {code for code in LANGUAGES if code != "en"}
    assert not list(unpacked.glob("tests*"))


def test_a_wheel_has_its_version(unpacked: Path, tmp_path: Path) -> None:
    (info,) = unpacked.glob("serai-*.dist-info")
    version = info.name.removeprefix("serai-").removesuffix(".dist-info")
    assert version == build_version()
    assert run(unpacked, tmp_path, "lms", "--version").stdout == f"lms, version {version}\n"


def test_a_wheel_of_sources_without_git_has_the_version_of_their_checkout(tmp_path: Path) -> None:
    """An archive of a small part of the tree: what the version is read from."""
    sources = tmp_path / "sources"
    (sources / "lms").mkdir(parents=True)
    for name in ("lms/__init__.py", "lms/version.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources / name)
    for name in ("migrations", "seeds", "static"):
        (sources / name).mkdir()
        (sources / name / "file").touch()
    (sources / "lms" / "version.txt").write_text("0.1.0.dev7+g0123abcd", encoding="ascii")
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path), "--target"]
    subprocess.run([*build, "sdist"], check=True, capture_output=True, cwd=sources)
    shutil.unpack_archive(next(tmp_path.glob("*.tar.gz")), tmp_path / "unpacked", filter="data")
    (archive,) = (tmp_path / "unpacked").iterdir()
    subprocess.run([*build, "wheel"], check=True, capture_output=True, cwd=archive)
    assert {path.name for path in tmp_path.glob("serai-*")} == {
        "serai-0.1.0.dev7+g0123abcd.tar.gz",
        "serai-0.1.0.dev7+g0123abcd-py3-none-any.whl",
    }


def test_a_wheel_names_its_command(unpacked: Path) -> None:
    (entry,) = unpacked.glob("serai-*.dist-info/entry_points.txt")
    assert "lms = lms.__main__:main" in entry.read_text(encoding="utf-8")
