"""Pages for verifying, issuing and holding certificates, and for downloading all of a series in one file."""

import json
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import may_edit_series
from lms.certificates import keys, numbers, rules
from lms.certificates.actions import awards, bundles, changes
from lms.certificates.badges import status_list as status
from lms.certificates.forms import CheckFileForm, RevokeForm, WithdrawForm
from lms.certificates.models import CertificateState
from lms.certificates.notices import outdated
from lms.certificates.queries import certificates, eligibility, holder_downloads, records
from lms.certificates.queries.earner_groups import EVERYONE, EarnerGroup, PeopleFilter
from lms.certificates.queries.eligibility import EarnerRow
from lms.certificates.schemas import (
    LISTS,
    NUMBERS,
    READS,
    badge_answer,
    bundle_answer,
    pdf_answer,
    picture_answer,
    public_answer,
)
from lms.certificates.verification import file_verification
from lms.certificates.verification.file_reading import MOST_BYTES
from lms.core.background.jobs import JobState, get_job
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused, TooLarge, WrongKind
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _l, _n
from lms.core.time import clock
from lms.enrolment.queries.series import count_countries, count_organisations_of_series
from lms.mail.stops import register_outdated
from lms.people.queries.countries import country_names, known_codes
from lms.web.forms.forms import whole
from lms.web.lists.parts import MINUTES, NAME, Chip, Choice, Column, FileColumn, Select, counted_choices
from lms.web.lists.routes import list_files
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.bodies import FORM_BYTES, body_limit
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses, throttle_reads

bp = Blueprint("certificates", __name__, template_folder="../templates")


_WAIT_MINUTES = int(rules.WAIT.total_seconds() // 60)

bp.add_app_template_global(holder_downloads.linkedin_address)


def init_app(app: Flask) -> None:
    """Stops mails about certificates that were withdrawn since."""
    register_outdated(app, ["certificate_ready"], outdated)


@bp.get("/verify")
@allow(ANYONE, indexed=True)
def verify() -> ResponseReturnValue:
    """The form for a certificate number. A number in the query redirects to its page."""
    typed = request.args.get("number", "").strip()
    if typed:
        bare = numbers.parse(typed)
        return redirect(url_for(".certificate", number=numbers.write(bare) if bare else typed[:64].replace("/", "-")))
    missing = "number" in request.args
    return render_template("certificates/verify.html", missing=missing, form=CheckFileForm()), 422 if missing else 200


@bp.post("/verify")
@allow(ANYONE)
@throttle_guesses(NUMBERS)
@throttle_reads(READS)
@body_limit(MOST_BYTES + FORM_BYTES)
def verify_file() -> ResponseReturnValue:
    """Checks whether a file is a genuine certificate or badge and whether it is still valid."""
    form = CheckFileForm()
    if not form.validate_on_submit():
        return render_template("certificates/verify.html", form=form), 422
    try:
        verdict = file_verification.verdict_of_file(form.file.data.read(MOST_BYTES + 1), by=current_actor())
    except (Invalid, TooLarge, WrongKind) as error:
        form.take(Invalid("file", error.message))
        return render_template("certificates/verify.html", form=form), error.status
    return render_template("certificates/verify-file.html", verdict=verdict), 200 if verdict.is_known else 404


@bp.get("/verify/<number>")
@allow(ANYONE)
@throttle_guesses(NUMBERS)
@throttle_reads(READS)
def certificate(number: str) -> ResponseReturnValue:
    """Shows whether a certificate is valid: name, series, kind, hours, date, state, and nothing else. Of a learning
    record it shows the figures and what has changed since."""
    try:
        shown = certificates.get_certificate(number, by=current_actor())
    except NotFound:
        record = records.find_record(number, by=current_actor())
        if record is not None:
            return render_template("certificates/verify-record.html", shown=record)
        is_number = numbers.parse(number) is not None
        return render_template("certificates/verify-unknown.html", number=number[:64], is_number=is_number), 404
    return render_template("certificates/verify-number.html", shown=shown)


@bp.get("/certificates/<number>")
@allow(SIGNED_IN)
@throttle_guesses(NUMBERS)
def own(number: str) -> ResponseReturnValue:
    """Shows a certificate to its holder, administrators and reporters: download, withdraw, revoke."""
    return _own(number, WithdrawForm(), RevokeForm())


def _own(number: str, withdraw_form: WithdrawForm, revoke_form: RevokeForm) -> str:
    shown = certificates.get_certificate(number, by=current_actor())
    if not shown.is_full:
        raise Forbidden
    return render_template(
        "certificates/own.html",
        shown=shown,
        withdraw_form=withdraw_form,
        revoke_form=revoke_form,
    )


@bp.post("/certificates/<number>/withdraw")
@allow(SIGNED_IN)
def withdraw(number: str) -> ResponseReturnValue:
    """Withdraws a certificate at its holder's request."""
    form = WithdrawForm()
    if not form.validate_on_submit():
        return _own(number, form, RevokeForm(formdata=None)), 422
    changes.withdraw(number, by=current_actor(), at=clock.now())
    flash(_("Certificate withdrawn. Its verification page now shows only that it was withdrawn."), "done")
    return redirect(url_for(".own", number=number))


@bp.post("/certificates/<number>/revoke")
@allow(Role.ADMINISTRATOR)
def revoke(number: str) -> ResponseReturnValue:
    """Revokes a certificate, with a reason."""
    form = RevokeForm()
    if not form.validate_on_submit():
        return _own(number, WithdrawForm(formdata=None), form), 422
    try:
        changes.revoke(number, reason=form.reason.data or "", by=current_actor(), at=clock.now())
    except Invalid as error:
        form.take(error)
        return _own(number, WithdrawForm(formdata=None), form), 422
    flash(_("Certificate revoked."), "done")
    return redirect(url_for(".own", number=number))


@bp.get("/certificates/<number>.pdf")
@allow(SIGNED_IN)
@throttle_guesses(NUMBERS)
def download(number: str) -> ResponseReturnValue:
    """Downloads the certificate as PDF, for its holder and administrators."""
    return pdf_answer(number, certificates.get_pdf(number, by=current_actor()))


@bp.get("/certificates/<number>.png")
@allow(SIGNED_IN)
@throttle_guesses(NUMBERS)
def badge(number: str) -> ResponseReturnValue:
    """Downloads the badge as a picture that contains the signed credential, for its holder and administrators."""
    return picture_answer(number, holder_downloads.get_baked_badge(number, by=current_actor()))


@bp.get("/certificates/<number>.jwt")
@allow(SIGNED_IN)
@throttle_guesses(NUMBERS)
def badge_text(number: str) -> ResponseReturnValue:
    """Downloads the badge as signed text, for its holder and administrators."""
    return badge_answer(number, holder_downloads.get_badge(number, by=current_actor()))


@bp.get("/certificates/status/<int:list_number>")
@allow(ANYONE)
@throttle_reads(LISTS)
def status_list(list_number: int) -> ResponseReturnValue:
    """A signed list of badge states, one bit per badge: W3C Bitstring Status List as VC-JWT."""
    text = status.signed_list(list_number, at=clock.now())
    return public_answer(text, "application/vc+jwt", seconds=int(status.TTL.total_seconds())).make_conditional(request)


@bp.get("/.well-known/jwks.json")
@allow(ANYONE)
@throttle_reads(LISTS)
def jwks() -> ResponseReturnValue:
    """All current and former public signing keys as a JSON Web Key Set."""
    return public_answer(json.dumps(keys.published_jwks()), "application/jwk-set+json", seconds=3600).make_conditional(
        request
    )


@bp.get("/certificates/keys/<kid>")
@allow(ANYONE)
@throttle_reads(LISTS)
def jwk(kid: str) -> ResponseReturnValue:
    """One current or former public signing key as JWK. Badges name this URL as their `kid`."""
    return public_answer(json.dumps(keys.published_jwk(kid)), "application/jwk+json", seconds=3600).make_conditional(
        request
    )


@list_files(bp, "/series/<slug>/certificates", Role.ADMINISTRATOR)
class Candidates(ListView[EarnerRow]):
    """The people of a series in one group: who has earned a certificate, who is short of it, who is blocked."""

    endpoint, template, title = "certificates.issue", "certificates/issue.html", _l("Certificates")
    anchor = "people"
    filters = {
        "show": frozenset(EarnerGroup),
        "country": known_codes,
        "state": frozenset(CertificateState) - {CertificateState.SUPERSEDED},
        "organisation": None,
    }
    columns: tuple[Column, ...] = (
        NAME,
        Column(
            "attended", _l("Lectures"), _l("most first"), _l("fewest first"), descending=True,
            place="wide",
        ),
        MINUTES,
    )  # fmt: skip
    chips_filter = "show"
    file_columns = tuple(FileColumn(name, itemgetter(number)) for number, name in enumerate(eligibility.HEADINGS))

    def __init__(self, slug: str) -> None:
        super().__init__(slug=slug)
        self.slug, self.file_name = slug, slug
        filters = self.request.filters
        if "show" in self.ignored:
            raise NotFound
        self.group = EarnerGroup(filters["show"]) if "show" in filters else None
        self.people = PeopleFilter(
            self.request.q,
            filters.get("country"),
            CertificateState(filters["state"]) if "state" in filters else None,
            filters.get("organisation"),
        )

    def query(self, request: ListRequest) -> tuple[Sequence[EarnerRow], int]:
        self.preview = eligibility.preview(
            self.slug, by=self.by, shown=self.group, filters=self.people, request=request
        )
        if not self.preview.requirement.minutes:
            self.hidden = {"minutes"}
        group = self.preview.shown
        label = {
            EarnerGroup.MISSES: _l("Missing"),
            EarnerGroup.REST: _l("Missing"),
            EarnerGroup.UNEARNED: _l("Missing"),
            EarnerGroup.BLOCKED: _l("Reason"),
            EarnerGroup.HAVE: _l("Number"),
        }.get(group, _l("Hours"))
        is_number = group in (EarnerGroup.EARNED, EarnerGroup.UNCONFIRMED)
        is_long = group in (EarnerGroup.MISSES, EarnerGroup.REST, EarnerGroup.UNEARNED, EarnerGroup.BLOCKED)
        place = "under" if is_long else "fig"
        self.columns = (*self.columns, Column("last", label, numeric=is_number, place=place))
        return self.preview.rows, self.preview.matching

    def file_query(self, request: ListRequest) -> Iterable[Any]:
        return eligibility.table(self.slug, self.group or EarnerGroup.EARNED, self.people, by=self.by)

    def file_words(self) -> list[str]:
        return [*([] if self.group else [EarnerGroup.EARNED]), *super().file_words()]

    def file_address(self, kind: str) -> str:
        return self.address(f"{self.endpoint}_file", kind=kind, show=self.preview.shown.value)

    @property
    def may_download(self) -> bool:
        return self.by.is_administrator

    @property
    def is_filtered(self) -> bool:
        return self.people != EVERYONE

    def chips(self) -> list[Chip]:
        counts = self.preview.counts
        chips = [
            Chip(EarnerGroup.EARNED, counts[EarnerGroup.EARNED], _("Ready to issue"), name="earned"),
            Chip(EarnerGroup.MISSES, counts[EarnerGroup.MISSES], _("One lecture short"), name="just-miss"),
            Chip(EarnerGroup.BLOCKED, counts[EarnerGroup.BLOCKED], _("Blocked"), name="blocked"),
            Chip(EarnerGroup.UNCONFIRMED, counts[EarnerGroup.UNCONFIRMED], _("Name not confirmed"), name="unconfirmed"),
            Chip(EarnerGroup.HAVE, counts[EarnerGroup.HAVE], _("Already issued"), name="already"),
            Chip(EarnerGroup.UNEARNED, counts[EarnerGroup.UNEARNED], _("No longer earned"), name="unearned"),
            Chip(EarnerGroup.REST, counts[EarnerGroup.REST], _("Not earned"), name="not-earned"),
        ]
        # who is one lecture short is known after the last lecture
        left_out = {EarnerGroup.MISSES} if self.preview.to_come else set()
        if not counts[EarnerGroup.UNEARNED]:
            left_out.add(EarnerGroup.UNEARNED)
        return [chip for chip in chips if chip.value not in left_out]

    @property
    def chosen_chip(self) -> str:
        return self.preview.shown.value

    def selects(self) -> list[Select]:
        """The countries and organisations of the people in the series, and the state of what was issued."""
        series, chosen = self.preview.series, self.request.filters
        selects = []
        for name, label, counts, names in (
            ("country", _("Country"), count_countries(series, by=self.by), country_names(reader_locale())),
            ("organisation", _("Organisation"), count_organisations_of_series(series, by=self.by), None),
        ):
            choices = counted_choices(counts, chosen.get(name), names, shows_numbers=False)
            if choices:
                selects.append(Select(name, label, choices))
        if self.preview.shown is EarnerGroup.HAVE:
            states = [
                Choice(CertificateState.VALID, _("Valid")),
                Choice(CertificateState.REVOKED, _("Revoked")),
                Choice(CertificateState.WITHDRAWN, _("Withdrawn")),
            ]
            selects.append(Select("state", _("State"), states))
        return selects

    def context(self) -> dict[str, Any]:
        series = self.preview.series
        return {
            "preview": self.preview,
            "series": series,
            "may_write": may_edit_series(series, self.by),
            "stops_of": stops_of,
        }


def stops_of(row: EarnerRow) -> list[dict[str, str | None]]:
    """The lectures of a series as a person attended them, for the macro `route_mini`."""
    states = {None: "later", True: "done", False: "missed"}
    return [{"state": states[came], "words": _("attended") if came else None} for came in row.stops]


@bp.get("/series/<slug>/certificates")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.INSTRUCTOR)
def issue(slug: str) -> ResponseReturnValue:
    """Shows who has earned a certificate of the series, who is short of it and by how much, and who is blocked."""
    try:
        return Candidates(slug).page()
    except Refused as refused:
        series = get_series(slug, by=current_actor())
        return render_template("certificates/none.html", series=series, reason=refused.message)


@bp.post("/series/<slug>/certificates/reminders")
@allow(Role.ADMINISTRATOR)
def remind(slug: str) -> ResponseReturnValue:
    """Sends one reminder to people whose certificate is waiting for them to confirm their name."""
    notified = awards.remind_unconfirmed(slug, by=current_actor(), at=clock.now())
    if notified:
        flash(_n("%(num)s person will get an e-mail.", "%(num)s people will get an e-mail.", notified), "done")
    else:
        flash(_("Everyone with an e-mail address has already been reminded. Nobody is reminded twice."), "done")
    return redirect(url_for(".issue", slug=slug, show=EarnerGroup.UNCONFIRMED.value))


@bp.get("/series/<slug>/certificates/confirm")
@allow(Role.ADMINISTRATOR)
def confirm_issue(slug: str) -> ResponseReturnValue:
    """Shows who would get a certificate, whose names nobody confirmed, and how many e-mails leave; asks to confirm."""
    try:
        check = eligibility.check_issue(slug, by=current_actor())
    except Refused:
        return redirect(url_for(".issue", slug=slug))
    if not check.earned or check.fault:
        return redirect(url_for(".issue", slug=slug))
    return render_template("certificates/confirm.html", check=check, series=check.series, wait=_WAIT_MINUTES)


@bp.post("/series/<slug>/certificates")
@allow(Role.ADMINISTRATOR)
def request_issue(slug: str) -> ResponseReturnValue:
    """Issues earned certificates in the background, after a minute in which it can be stopped.

    `certificates` is the number that was shown; without it, the number is asked for first.
    """
    by = current_actor()
    series = get_series(slug, by=by)
    shown = request.form.get("certificates", type=whole)
    if shown is None:
        return redirect(url_for(".confirm_issue", slug=slug))
    try:
        job = awards.request_issue(series.id, by=by, at=clock.now(), shown=shown, wait=rules.WAIT)
    except Refused as refused:
        flash(refused.message, "wrong")
        return redirect(url_for(".confirm_issue", slug=slug))
    return redirect(url_for(".progress", slug=slug, job_id=job.public_id))


@bp.get("/series/<slug>/certificates/<job_id>")
@allow(Role.ADMINISTRATOR)
def progress(slug: str, job_id: str) -> ResponseReturnValue:
    """Shows the progress and results of issuing."""
    by = current_actor()
    series = get_series(slug, by=by)
    job = get_job(job_id, by=by)
    if job.kind != awards.JOB or job.arguments["series_id"] != series.id:
        raise NotFound
    refused = (job.result or {}).get("refused", [])
    names = certificates.names_of([item["person"] for item in refused[:200]], by=by)
    is_over = job.state in (JobState.DONE, JobState.FAILED, JobState.STOPPED)
    return render_template(
        "certificates/progress.html", series=series, job=job, refused=refused, names=names, is_over=is_over
    )


@bp.post("/series/<slug>/certificates/<job_id>/stop")
@allow(Role.ADMINISTRATOR)
def stop_issue(slug: str, job_id: str) -> ResponseReturnValue:
    """Stops issuing; certificates that were issued stay valid."""
    by = current_actor()
    try:
        awards.stop_issue(get_series(slug, by=by).id, job_id, by=by, at=clock.now())
    except Refused as refused:
        flash(refused.message, "wrong")
    return redirect(url_for(".progress", slug=slug, job_id=job_id), 303)


@bp.post("/series/<slug>/certificates/files")
@allow(Role.ADMINISTRATOR)
def request_bundle(slug: str) -> ResponseReturnValue:
    """Starts creating one file with all certificates of a series, and redirects to the task."""
    by = current_actor()
    series = get_series(slug, by=by)
    job = bundles.request_bundle(series.id, request.form.get("form", ""), by=by, at=clock.now())
    return redirect(url_for("dashboards.job", public_id=job.public_id), 303)


@bp.post("/certificates/files/<job_id>")
@allow(Role.ADMINISTRATOR)
def fetch_bundle(job_id: str) -> ResponseReturnValue:
    """Streams the file of a task. The download is recorded in the audit trail."""
    return bundle_answer(*bundles.fetch_bundle(job_id, by=current_actor(), at=clock.now()))
