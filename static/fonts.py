"""Fetches the fonts that certificates are set in, into static/build/fonts (and fonts-large).

    python -m static.fonts            Latin, Cyrillic, Greek, Arabic and the scripts of the partner countries
    python -m static.fonts --large    Chinese, Japanese and Korean too
    python -m static.fonts --tests    the wide fonts of the tests of layout too, into tests/fonts

The fonts come as wheels from the package index, checked against the hashes of requirements-fonts*.txt; only
the font files and their licence are taken out of them. Nothing is fetched when all is as locked.
"""

import argparse
import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from tools.install import PIP

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "static" / "build"

# Of what the packages hold, a certificate needs neither slanted letters nor little pictures.
# The wide fonts are for pages, in two weights.
LEFT_OUT = (
    "*Emoji*",
    "*Italic*",
    "*Oblique*",
    "*Symbols*",
    "*Condensed*",
    "*ExtraLight*",
    "NotoSansArabic-Variable.ttf",
)


def wanted(name: str) -> bool:
    """Whether the member of a wheel is a font that certificates use."""
    file = PurePosixPath(name).name
    return file.endswith((".ttf", ".otf", ".ttc")) and not any(fnmatch(file, p) for p in LEFT_OUT)


def mark_of(lock: Path) -> str:
    """What tells one state of the lock file and of this script from another."""
    return hashlib.sha256(lock.read_bytes() + Path(__file__).read_bytes()).hexdigest()


def is_current(target: Path, lock: Path) -> bool:
    """Whether the folder holds exactly what is locked."""
    stamp = target / ".locked"
    if not stamp.exists():
        return False
    mark, *files = stamp.read_text().split("\n")
    return mark == mark_of(lock) and all((target / file).exists() for file in files if file)


def fetch(lock: Path, target: Path) -> None:
    """Downloads the locked wheels, checks them, and puts their fonts in place in one step."""
    if is_current(target, lock):
        print(f"fonts: {target.relative_to(ROOT)} is as locked")
        return
    print(f"fonts: fetching {lock.name} into {target.relative_to(ROOT)}")
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        wheels, fonts = Path(folder) / "wheels", Path(folder) / "fonts"
        fonts.mkdir()
        command = [*PIP, "download", "--quiet", "--no-deps"]
        command += [
            "--only-binary",
            ":all:",
            "--require-hashes",
            "--dest",
            str(wheels),
            "--requirement",
            str(lock),
        ]
        subprocess.run(command, check=True)  # noqa: S603
        names = []
        for wheel in sorted(wheels.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                for member in sorted(archive.namelist()):
                    if wanted(member):
                        names.append(PurePosixPath(member).name)
                        (fonts / names[-1]).write_bytes(archive.read(member))
                    elif member.endswith(("/licenses/LICENSE", "dejavusans/LICENSE")):
                        licence = f"{wheel.name.split('-')[0]}-licence.txt"
                        (fonts / licence).write_bytes(archive.read(member))
        if not names:
            raise SystemExit(f"fonts: no font in what {lock.name} names")
        (fonts / ".locked").write_text("\n".join([mark_of(lock), *names]))
        shutil.rmtree(target, ignore_errors=True)
        fonts.rename(target)
    total = sum(file.stat().st_size for file in target.iterdir()) / 1e6
    print(f"fonts: {len(names)} files, {total:.1f} MB")


def main() -> None:
    """Reads the command line; a failed download is one line and exit 1."""
    parser = argparse.ArgumentParser(description="Fetch the fonts that certificates are set in.")
    parser.add_argument("--large", action="store_true", help="Chinese, Japanese and Korean too (20 MB)")
    parser.add_argument("--tests", action="store_true", help="the wide fonts of the tests of layout too (6 MB)")
    arguments = parser.parse_args()
    try:
        fetch(ROOT / "requirements-fonts.txt", BUILD / "fonts")
        if arguments.large:
            fetch(ROOT / "requirements-fonts-large.txt", BUILD / "fonts-large")
        if arguments.tests:
            fetch(ROOT / "requirements-fonts-tests.txt", ROOT / "tests" / "fonts")
    except subprocess.CalledProcessError as failed:
        raise SystemExit(f"fonts: the download failed (pip answered {failed.returncode})") from None


if __name__ == "__main__":
    main()
