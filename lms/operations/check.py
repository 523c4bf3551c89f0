"""`lms check`: everything that can be looked at without changing anything; and the status page, the worst first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import DBAPIError

from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.core.database.session import reason_of
from lms.core.text.i18n import english as _
from lms.operations.checks import certificates, database, machines, service, stored_files
from lms.operations.checks.model import CheckContext, Finding, Level, fault

Check = Callable[[CheckContext], Iterator[Finding]]

WITHOUT_SCHEMA: tuple[Check, ...] = (
    service.check_settings,
    service.check_permissions,
    service.check_disk,
    service.check_ffmpeg,
    service.check_fonts,
    service.check_journal,
    service.check_backup,
    machines.check_media_key,
)
CHECKS: tuple[Check, ...] = (
    database.check_pool,
    database.check_integrity,
    database.check_references,
    database.check_facts,
    database.check_times,
    certificates.check_key,
    certificates.check_certificates,
    stored_files.check_storage,
    stored_files.check_files,
    service.check_tasks,
    service.check_mail_server,
    service.check_mail_queue,
    service.check_returned_mail,
    service.check_worker,
    service.check_recurring,
    machines.check_machines,
    service.check_time_zones,
    service.check_database,
    service.check_engines,
    service.check_recordings,
    service.check_version,
)
OF_PAGE: tuple[Check, ...] = (
    service.check_tasks,
    service.check_worker,
    service.check_recurring,
    machines.check_machines,
    service.check_mail_queue,
    service.check_returned_mail,
    service.check_backup,
    service.check_disk,
    service.check_ffmpeg,
    service.check_fonts,
    machines.check_media_key,
    service.check_database,
    service.check_engines,
    database.check_times,
    service.check_time_zones,
    certificates.check_key,
    service.check_settings,
    service.check_permissions,
    service.check_journal,
    service.check_version,
)
"""What the status page shows: all that neither reads everything nor waits for another server."""


def check(context: CheckContext) -> Iterator[Finding]:
    """Looks at everything; where the schema is another one, only at what needs no database."""
    findings = list(_findings(database.check_schema, context))
    yield from findings
    can_read = all(finding.level is not Level.FAULT for finding in findings)
    for run_check in (*WITHOUT_SCHEMA, *(CHECKS if can_read else ())):
        yield from _findings(run_check, context)


def check_for_page(context: CheckContext) -> Iterator[Finding]:
    """Yields the findings for the status page."""
    for look in OF_PAGE:
        yield from _findings(look, context)


def _findings(run_check: Check, context: CheckContext) -> Iterator[Finding]:
    """The findings of a check. A check that fails is a fault, and the others still run."""
    try:
        yield from run_check(context)
    except Exception as error:
        about = run_check.__name__.removeprefix("check_").replace("_", " ")
        is_database = isinstance(error, DBAPIError | psycopg.Error)
        text = reason_of(error) if is_database else " ".join(f"{type(error).__name__}: {error}".split())[:300]
        yield fault(about, text, _("Fix this first, then run `lms check` again."))


_ORDER = (Level.FAULT, Level.WARNING, Level.OK)


@dataclass(frozen=True)
class StatusRow:
    """One thing that needs action or watching, or all that is fine with one part of the service."""

    part: str
    level: Level
    texts: Sequence[str]
    remedy: str


def status_rows(context: CheckContext, *, by: Actor) -> list[StatusRow]:
    """The rows of the page, the worst first. Raises Forbidden for all but administrators."""
    if not by.is_administrator:
        raise Forbidden
    rows: list[StatusRow] = []
    fine: dict[str, list[str]] = {}
    for finding in check_for_page(context):
        if finding.level is Level.OK:
            fine.setdefault(finding.about, []).append(finding.text)
        else:
            rows.append(StatusRow(finding.about, finding.level, [finding.text], finding.remedy))
    rows += [StatusRow(part, Level.OK, texts, "") for part, texts in fine.items()]
    return sorted(rows, key=lambda row: _ORDER.index(row.level))
