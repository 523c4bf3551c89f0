"""Files of nominees, in two steps: a preview with a reason for each bad row, then the nominations."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.series import get_series, get_series_by_id
from lms.core.base.errors import Fault, Invalid, NotFound, Refused, TooLarge, WrongKind
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _l, _p
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.nominations.actions import files
from lms.nominations.actions.files import NomineeFile
from lms.nominations.forms import NominateForm, NomineesForm
from lms.nominations.queries.of_country import list_series_to_nominate
from lms.nominations.views.profile_requests import bp, profile_words
from lms.people.queries.countries import own_countries, own_country
from lms.people.rules import checked_address
from lms.web.lists.parts import Chip, Column, FileColumn, counted_chips
from lms.web.lists.routes import list_files
from lms.web.lists.view import ListView
from lms.web.request.bodies import upload_limit
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

CHANGED = 5
"""The number of changed profiles shown at first; the others can be opened."""
_KINDS = {"email": "email", "full_name": "name", "native_name": "name", "country": "country"}


def kind_of(fault: Fault) -> str:
    """The kind of problem that a fault is, as the preview groups them."""
    return fault.kind or _KINDS.get(fault.field or "", "other")


@dataclass(frozen=True)
class Problem:
    """A row that cannot be nominated: what the file says, (text, whether it is what is wrong), and why."""

    line: int
    cells: Sequence[tuple[str, bool]]
    reason: str
    kind: str


@bp.route("/country/nominations/file", methods=["GET", "POST"])
@upload_limit
@allow(Role.FOCAL_POINT)
def file_upload() -> ResponseReturnValue:
    """Uploads a file of nominees for a preview. Nobody is nominated."""
    by, at = current_actor(), clock.now()
    countries = own_countries(by)
    country = own_country(countries, request.args.get("country"))
    offered = list_series_to_nominate(country.id, by=by, at=at)
    form, status = NomineesForm(series=request.args.get("series")), 200
    form.offer([(one.series.slug, reader_text(one.series)) for one in offered])
    if request.method == "POST":
        status = 422
        if form.validate():
            content, name = form.file.data.read(), form.file.data.filename or ""
            series = get_series(form.series.data, by=by)
            try:
                upload_id = files.keep_file(series, content, name=name, country_id=country.id, by=by, at=at)
            except (Invalid, Refused, TooLarge, WrongKind) as error:
                form.file.errors = [error.message]
                status = error.status
            else:
                return redirect(url_for(".file_preview", upload_id=upload_id), 303)
    page = render_template("nominations/file.html", form=form, country=country, countries=countries, offered=offered)
    return page, status


@bp.route("/country/nominations/file/<upload_id>", methods=["GET", "POST"])
@allow(Role.FOCAL_POINT)
def file_preview(upload_id: str) -> ResponseReturnValue:
    """Shows what nominating a file would do, then nominates its good rows, saves them as drafts or cancels; afterwards
    what came of it."""
    by, at = current_actor(), clock.now()
    try:
        file = files.find_file(upload_id, by=by, at=at)
    except NotFound:
        flash(_("This upload has expired. Upload the file again."), "now")
        return redirect(url_for(".file_upload"), 303)
    series = get_series_by_id(file.series_id, by=by)
    country = next((one for one in own_countries(by) if one.id == file.country_id), None)
    if country is None:
        raise NotFound
    form, status = NominateForm(), 200
    if request.method == "POST":
        if request.form.get("step") == "cancel":
            files.drop_file(upload_id, by=by)
            flash(_("Import cancelled. Nobody was nominated."), "done")
            return redirect(url_for(".file_upload", country=country.code, series=series.slug), 303)
        if files.find_result(upload_id, by=by, at=at) is not None:
            return redirect(url_for(".file_preview", upload_id=upload_id), 303)
        submit = request.form.get("step") != "draft"
        failed = form.attempt(lambda: _nominate(file, submit=submit, ask=form.ask.data))
        if failed is None:
            return redirect(_next_page(file), 303)
        status = failed
    if files.find_job(file, by=by) is not None:
        return redirect(_next_page(file), 303)
    result = files.find_result(upload_id, by=by, at=at)
    preview = files.preview_file(file, by=by, at=at) if result is None else None
    if preview is not None:
        form.ask_about(len(preview.to_ask))
    faults = result.rejected if result is not None else preview.checked.rejected if preview is not None else []
    problems = Problems(upload_id, file, faults)
    page = problems.page(
        file=file,
        series=series,
        country=country,
        form=form,
        preview=preview,
        result=result,
        faults=faults,
        is_long=len(file.rows) > files.LARGE,
        fields=profile_words(),
        shown=CHANGED,
    )
    return page, status


def _nominate(file: NomineeFile, *, submit: bool, ask: bool) -> None:
    by, at = current_actor(), clock.now()
    if len(file.rows) > files.LARGE:
        files.request_file(file, submit=submit, ask=ask, by=by, at=at)
    else:
        files.nominate_file(file, submit=submit, ask=ask, by=by, at=at)


def _next_page(file: NomineeFile) -> str:
    """The result, or the progress of a large file."""
    job = files.find_job(file, by=current_actor())
    return url_for("dashboards.job", public_id=job.public_id) if job else url_for(".file_preview", upload_id=file.id)


@list_files(bp, "/country/nominations/file/<upload_id>/problems", Role.FOCAL_POINT)
class Problems(ListView[Problem]):
    """The rows of a file that cannot be nominated."""

    endpoint, template = "nominations.file_preview", "nominations/file_preview.html"
    title, anchor, testid = _l("Rows with a problem"), "problems", "problems"
    filters = {"kind": frozenset({"email", "duplicate", "country", "name", "enrolled", "other"})}
    columns = (
        Column("row", _l("Row")),
        Column("cells", _l("In the file")),
        Column("problem", _l("Problem")),
    )
    chips_filter = "kind"

    def __init__(self, upload_id: str, file: NomineeFile | None = None, faults: Sequence[Fault] | None = None) -> None:
        super().__init__(upload_id=upload_id)
        if file is None or faults is None:
            file, faults = _file_with_faults(upload_id)
        self.nominee_file, self.faults, self.file_name = file, faults, "rows-with-a-problem"
        # One column more than the file, so that the corrected file can be uploaded as it is
        headings = [*file.headings, "problem"]
        self.file_columns = tuple(FileColumn(name, itemgetter(number)) for number, name in enumerate(headings))

    def file_query(self, request: ListRequest) -> Iterable[Any]:
        file, width = self.nominee_file, len(self.nominee_file.headings)
        for fault in self.faults:
            cells = file.lines[fault.row or 0][:width]
            yield [*cells, *[""] * (width - len(cells)), reason_of(file, fault)]

    def file_words(self) -> list[str]:
        return []

    def query(self, request: ListRequest) -> tuple[Sequence[Problem], int]:
        kind = request.filters.get("kind")
        faults = [fault for fault in self.faults if kind in (None, kind_of(fault))]
        return [_problem(self.nominee_file, fault) for fault in request.rows_of_page(faults)], len(faults)

    def chips(self) -> list[Chip]:
        counts = Counter(kind_of(fault) for fault in self.faults)
        words = {
            "email": _("E-mail"),
            "duplicate": _("Twice in the file"),
            "country": _("Other country"),
            "name": _p("person", "Name"),
            "enrolled": _("Enrolled"),
            "other": _("Other"),
        }
        return counted_chips(counts, {kind: word for kind, word in words.items() if counts[kind]})


def _problem(file: NomineeFile, fault: Fault) -> Problem:
    line, field = fault.row or 0, fault.field or ""
    columns = ["full_name", "email"]
    if field and field not in columns:
        columns[1] = field
    cells = [(file.cell(line, column)[:100], column == field) for column in columns]
    return Problem(line, cells, reason_of(file, fault), kind_of(fault))


def reason_of(file: NomineeFile, fault: Fault) -> str:
    """Why a row cannot be nominated, with the field that is wrong, and an address that may have been meant."""
    reason = fault.reason.removeprefix(f"{fault.field}: ")
    words: dict[str, str] = {field.value: word for field, word in profile_words().items()}
    # the sentences about sectors and genders name them
    if reason != fault.reason and fault.field in words and fault.field not in ("sector", "gender"):
        return _("%(field)s: %(reason)s", field=words[fault.field], reason=reason)
    if kind_of(fault) != "email":
        return reason
    meant = file.cell(fault.row or 0, "email").strip().replace(" ", "").replace(",", ".").replace("..", ".")
    try:
        return _("%(reason)s Perhaps %(address)s", reason=reason, address=checked_address(meant))
    except Invalid:
        return reason


def _file_with_faults(upload_id: str) -> tuple[NomineeFile, list[Fault]]:
    by, at = current_actor(), clock.now()
    file = files.find_file(upload_id, by=by, at=at)
    result = files.find_result(upload_id, by=by, at=at)
    return file, result.rejected if result else files.preview_file(file, by=by, at=at).checked.rejected
