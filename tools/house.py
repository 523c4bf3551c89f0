"""Prints how large the code is: lines, modules, imports, caches, untyped values, hard functions; lines of each slice.

python tools/house.py                   as it is
python tools/house.py --since COMMIT    also which lines each slice and the tests have gained since
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from radon.complexity import cc_rank, cc_visit

ROOT = Path(__file__).resolve().parents[1]
STATEMENTS = {"select", "insert", "update", "delete", "union", "union_all", "exists", "text", "bindparam"}
VAGUE_NAMES = {"one", "own", "found", "said", "told", "here", "asked", "kept", "wanted"}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def called(node: ast.AST) -> str:
    """Name of the function that a call or a decorator calls, without its module."""
    target = node.func if isinstance(node, ast.Call) else node
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else ""


def statement_constants(tree: ast.Module) -> int:
    """SQL statements that a module makes when it is imported."""
    assigned = [node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    return sum(
        any(isinstance(part, ast.Call) and called(part) in STATEMENTS for part in ast.walk(value)) for value in assigned
    )


def caches(tree: ast.Module) -> int:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sum(called(decorator) in {"cache", "lru_cache"} for node in functions for decorator in node.decorator_list)


def vague_names(tree: ast.Module) -> Iterator[str]:
    """Vague names of variables, fields and parameters, each place where one gets a value outside comprehensions."""
    comprehensions = [node for node in ast.walk(tree) if isinstance(node, ast.comprehension)]
    inside = {id(part) for comprehension in comprehensions for part in ast.walk(comprehension.target)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in inside:
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        else:
            continue
        if name in VAGUE_NAMES:
            yield name


def hard_functions(paths: Iterable[Path]) -> list[str]:
    """Functions that radon grades D or worse."""
    return [
        f"{path.relative_to(ROOT)}:{block.lineno} {block.name} ({cc_rank(block.complexity)})"
        for path in paths
        for block in cc_visit(path.read_text(encoding="utf-8"))
        if cc_rank(block.complexity) >= "D"
    ]


def lines_of_code(text: str) -> int:
    """Lines that are neither blank, nor comments, nor within docstrings."""
    tree = ast.parse(text)
    strings = (
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )
    documented = {line for node in strings for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    empty = {tokenize.NL, tokenize.COMMENT, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(iter(text.splitlines(keepends=True)).__next__)
    return len(
        {
            line
            for token in tokens
            if token.type not in empty
            for line in range(token.start[0], token.end[0] + 1)
            if line not in documented
        }
    )


def slice_of(path: Path) -> str:
    """The slice, package or single module of `lms`; everything of the tests is one."""
    parts = path.relative_to(ROOT).parts if path.is_absolute() else path.parts
    return parts[0] if parts[0] != "lms" else "/".join(parts[:2])


def imported_slices(tree: ast.Module) -> set[str]:
    """Packages of `lms` but core and web that a module imports."""
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    packages = {".".join(name.split(".")[:2]) for name in names if name.startswith("lms.")}
    return {name for name in packages if (ROOT / name.replace(".", "/")).is_dir()} - {"lms.core", "lms.web"}


def gained(commit: str) -> Counter[str]:
    """Lines of Python that each slice has gained since a commit."""
    command = ["git", "diff", "--numstat", "--no-renames", commit, "--", "lms/*.py", "tests/*.py"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  our own command
    lines: Counter[str] = Counter()
    for row in done.stdout.splitlines():
        added, removed, name = row.split("\t")
        lines[slice_of(Path(name))] += int(added) - int(removed)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", metavar="COMMIT")
    since = parser.parse_args().since
    modules = sources("lms")
    texts = [path.read_text(encoding="utf-8") for path in modules]
    trees = [ast.parse(text) for text in texts]
    lines = sum(text.count("\n") for text in texts)
    imports = sum(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    untyped = sum(isinstance(node, ast.Name) and node.id == "Any" for tree in trees for node in ast.walk(tree))
    hard = hard_functions(modules)
    figures = {
        "lines under lms": lines,
        "lines of code among them, without imports": sum(map(lines_of_code, texts)) - imports,
        "modules": len(modules),
        "lines a module": round(lines / len(modules)),
        "import lines": f"{imports} ({100 * imports / lines:.1f} %)",
        "SQL statements as module constants": sum(map(statement_constants, trees)),
        "lru_cache and cache": sum(map(caches, trees)),
        "Any": untyped,
        "variables called one, own, found …": sum(1 for tree in trees for _name in vague_names(tree)),
        "lines of serve.py": (ROOT / "lms/serve.py").read_text(encoding="utf-8").count("\n"),
        "slices that serve.py imports": len(imported_slices(trees[modules.index(ROOT / "lms/serve.py")])),
        "lines of tests": sum(path.read_text(encoding="utf-8").count("\n") for path in sources("tests")),
        "functions of radon D or worse": "".join([str(len(hard)), *(f"\n    {line}" for line in hard)]),
    }
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    slices: Counter[str] = Counter()
    for path, text in zip(modules, texts, strict=True):
        slices[slice_of(path)] += text.count("\n")
    changed = gained(since) if since else Counter()
    for name in sorted(slices.keys() | changed.keys()):
        print(f"  {name}: {slices[name] or ''}{f' ({changed[name]:+})' if changed[name] else ''}")


if __name__ == "__main__":
    main()
