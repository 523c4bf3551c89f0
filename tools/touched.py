"""Prints the tests of what differs from main, for `make test-touched`, with the quick contracts: modules and folders.

Changed test modules are among them, and the tests of each slice, or package of `core` and `web`, with a changed file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUICK = (
    "catalogues", "contributing", "docs", "events", "glossaries", "glossary", "guards", "layers", "links", "locks",
    "messages", "migration_rules", "named_tests", "session_state", "sizes", "stored_files", "test_groups",
    "translatable",
)  # fmt: skip
"""Contracts that read the sources, or take a second."""
OF_OTHERS = {
    "migrations": "contracts/test_migrations.py",
    "bench": "contracts/test_bench.py",
    "static": "live",
    "seeds": "demo",
}
"""The tests of what is not within `lms`."""
OF_COMMANDS = "operations"
"""Of `lms/cli`, and of modules directly in `lms`."""


def changed_files(base: str) -> list[Path]:
    """Files that differ from where this branch left `base`, those of the working tree and new ones among them."""
    fork = _git("merge-base", base, "HEAD")[0]
    return [Path(name) for name in [*_git("diff", "--name-only", fork), *_git("ls-files", "-o", "--exclude-standard")]]


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603, S607  from PATH
    return done.stdout.splitlines()


def tests_of(files: Iterable[Path]) -> Iterator[str]:
    """Where the tests of these files are, below `tests`; some may not exist."""
    for file in files:
        top, *rest = file.parts
        if top == "lms":
            yield rest[0] if len(rest) > 1 and rest[0] != "cli" else OF_COMMANDS
        elif top == "tests" and len(rest) > 1:
            yield "/".join(rest) if file.name.startswith("test_") else rest[0]
        elif top in OF_OTHERS:
            yield OF_OTHERS[top]


def main() -> None:
    base = sys.argv[1] if len(sys.argv) > 1 else "main"
    named = {*tests_of(changed_files(base)), *(f"contracts/test_{name}.py" for name in QUICK)}
    places = sorted(name for name in named - {"contracts"} if (ROOT / "tests" / name).exists())
    print("\n".join(f"tests/{name}" for name in places if str(Path(name).parent) not in named - {"contracts"}))


if __name__ == "__main__":
    main()
