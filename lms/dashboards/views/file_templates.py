"""Templates of the files that can be imported."""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue

from lms.attendance_imports.readers.plain import TEMPLATE as ATTENDANCE
from lms.core.base.errors import NotFound
from lms.core.storage.tables import MIME
from lms.dashboards.views.blueprint import bp
from lms.enrolment.quota_files import TEMPLATE as QUOTAS
from lms.people.actions.files import NOMINEES_TEMPLATE, PEOPLE_TEMPLATE
from lms.reports.actions.opening_balances import TEMPLATE as OPENING
from lms.web.request.guards import SIGNED_IN, allow

TEMPLATES = {
    "people": PEOPLE_TEMPLATE,
    "nominations": NOMINEES_TEMPLATE,
    "quotas": QUOTAS,
    "attendance": ATTENDANCE,
    "opening-balances": OPENING,
}


@bp.get("/templates/<table>.xlsx")
@allow(SIGNED_IN)
def file_template(table: str) -> ResponseReturnValue:
    """Downloads a workbook with the columns of a file that can be imported, and two example rows."""
    template = TEMPLATES.get(table)
    if template is None:
        raise NotFound
    answer = Response(template.write(), content_type=MIME)
    answer.headers["Content-Disposition"] = f'attachment; filename="template-{table}.xlsx"'
    return answer
