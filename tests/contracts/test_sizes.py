"""Modules are large enough to be found, and packages hold more than one module could."""

from __future__ import annotations

from pathlib import Path

from tools.house import hard_functions, sources

ROOT = Path(__file__).resolve().parents[2]
LEAST = 60
"""Lines of a module."""
MOST = 450
"""Lines that one module can hold."""
ANY_SIZE = {"__init__.py", "__main__.py", "jobs.py", "handlers.py", "models.py"}
CYCLE = "joined with its neighbour, the two and a third would import each other"
LAYER = "what is above it and what is below it in .importlinter do not know each other"
FOREIGN = "its neighbour runs in the process for untrusted files, which imports nothing from the server"
COMMAND = "the command of its name imports it when it is called, and no other"
ALONE = "it is imported where little else may be, or by almost everything"
SMALLER = {
    "attendance/actions/times.py": CYCLE,
    "attendance_imports/actions/mappings.py": CYCLE,
    "attendance_imports/queries/mappings.py": CYCLE,
    "attendance_imports/readers/reading.py": CYCLE,
    "attendance_imports/readers/waiting.py": CYCLE,
    "catalogue/actions/history.py": CYCLE,
    "catalogue/actions/translations.py": CYCLE,
    "enrolment/views/blueprint.py": CYCLE,
    "people/actions/comparisons.py": CYCLE,
    "people/actions/notices.py": CYCLE,
    "people/views/known_devices.py": CYCLE,
    "dashboards/views/blueprint.py": CYCLE,
    "catalogue/public_pages.py": LAYER,
    "certificates/numbers.py": LAYER,
    "certificates/public_keys.py": LAYER,
    "certificates/queries/render_jobs.py": CYCLE,
    "enrolment/outdated_mails.py": LAYER,
    "dashboards/forms.py": LAYER,
    "dashboards/structured.py": LAYER,
    "enrolment/forms.py": LAYER,
    "materials/forms.py": "recordings use it too, and may not import views",
    "messages/mailing.py": LAYER,
    "nominations/views/profile_requests.py": CYCLE,
    "operations/checks/model.py": LAYER,
    "people/devices.py": LAYER,
    "people/mail_rows.py": LAYER,
    "people/throttling.py": LAYER,
    "reports/mailing.py": LAYER,
    "speakers/portraits.py": LAYER,
    "streaming/addresses.py": LAYER,
    "certificates/badges/picture.py": FOREIGN,
    "certificates/pdf/issue_context.py": ALONE,
    "certificates/pdf/merge.py": ALONE,
    "cli/attendance.py": COMMAND,
    "cli/context.py": ALONE,
    "cli/secret.py": COMMAND,
    "cli/timezones.py": COMMAND,
    "cli/users.py": COMMAND,
    "core/base/import_answers.py": ALONE,
    "core/base/logs.py": ALONE,
    "core/base/settings.py": ALONE,
    "core/storage/last_backup.py": ALONE,
    "core/time/clock.py": ALONE,
    "web/pages/assets.py": ALONE,
    "web/request/hooks.py": ALONE,
}
SMALL_PACKAGES = {
    "certificates/verification": "its reader of files runs in a process of its own, which imports nothing else",
    "dashboards/api": "two blueprints, whose names are in the API's document, and a module has one",
    "web/forms": "fields of forms, and fields for texts in several languages, which few forms have",
}


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_a_module_is_large_enough_or_has_a_reason() -> None:
    modules = [
        path for path in (ROOT / "lms").rglob("*.py") if path.name not in ANY_SIZE and "models" not in path.parts
    ]
    assert len(modules) > 400
    smaller = {path.relative_to(ROOT / "lms").as_posix() for path in modules if lines_of(path) < LEAST}
    assert smaller == set(SMALLER)


def test_a_package_holds_more_than_one_module_could() -> None:
    small = set()
    for package in {path.parent for path in (ROOT / "lms").rglob("__init__.py")}:
        modules = [path for path in package.glob("*.py") if path.name != "__init__.py"]
        if modules and not list(package.glob("*/__init__.py")) and sum(map(lines_of, modules)) <= MOST:
            small.add(package.relative_to(ROOT / "lms").as_posix())
    assert small == set(SMALL_PACKAGES)


def test_no_function_is_too_hard_to_read() -> None:
    """None is graded D or worse by radon; docs/ARCHITECTURE.md states it."""
    assert hard_functions(sources("lms")) == []
