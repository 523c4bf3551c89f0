"""Pages for creating and selecting certificate designs."""

from typing import Any
from urllib.parse import urlencode

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from lms.catalogue.models import CertificateKind
from lms.catalogue.queries.series import get_series
from lms.certificates.actions import designs as actions
from lms.certificates.designs import versions
from lms.certificates.designs.default_texts import READY
from lms.certificates.designs.design import COLOURS, ENGLISH, FALLBACK, LIMITS, ROLES
from lms.certificates.designs.image_sanitizer import MAX_BYTES
from lms.certificates.forms import (
    DesignLooksForm,
    DesignPictureForm,
    DesignWordsForm,
    LookForm,
    NewDesignForm,
    SeriesDesignForm,
)
from lms.certificates.queries import designs as queries
from lms.certificates.queries.designs import Look, Version
from lms.certificates.views.certificates import bp
from lms.core.base.errors import Invalid, NotFound
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.web.forms.forms import flash_refusal
from lms.web.forms.languages import LANGUAGES, language_choices
from lms.web.pages.time import language_name
from lms.web.request.bodies import FORM_BYTES, body_limit
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

_LOOK = "look-"


@bp.get("/admin/designs")
@allow(Role.ADMINISTRATOR)
def design_list() -> ResponseReturnValue:
    """Lists all designs and the default one."""
    by = current_actor()
    designs = queries.list_designs(by=by)
    return render_template("certificates/designs.html", designs=designs, built_in=queries.count_built_in(by=by))


@bp.get("/admin/designs/new")
@allow(Role.ADMINISTRATOR)
def design_new() -> ResponseReturnValue:
    """The form for a new design."""
    return _new(NewDesignForm(data={"like": request.args.get("like", 0, int)}))


def _new(form: NewDesignForm) -> str:
    form.offer((one.family_id, one.name) for one in queries.list_designs(by=current_actor()))
    return render_template("certificates/design-new.html", form=form)


@bp.post("/admin/designs/new")
@allow(Role.ADMINISTRATOR)
def create_design() -> ResponseReturnValue:
    """Creates a draft design."""
    form, by = NewDesignForm(), current_actor()
    form.offer((one.family_id, one.name) for one in queries.list_designs(by=by))
    if not form.validate_on_submit():
        return _new(form), 422
    try:
        family_id = actions.create_design(form.name.data or "", like=form.like.data, by=by, at=clock.now())
    except Invalid as error:
        form.take(error)
        return _new(form), 422
    return redirect(url_for(".design", family_id=family_id))


@bp.get("/admin/designs/<int:family_id>")
@allow(Role.ADMINISTRATOR)
def design(family_id: int) -> ResponseReturnValue:
    """A design with its preview and everything that can be edited."""
    return _page(family_id)


def _page(family_id: int, status: int = 200, **given: Any) -> ResponseReturnValue:
    """The page, or only the preview for a script, with the errors of a submitted form."""
    shown = queries.get_design(family_id, by=current_actor())
    look_form = _look_form(shown)
    about: dict[str, Any] = {"shown": shown, "look_form": look_form, **_looked_at(shown, look_form)}
    wrong = next((form for form in given.values() if form.errors), None)
    if request.headers.get("HX-Request"):
        return render_template("certificates/_look.html", **about, wrong=wrong)
    if not family_id:
        return render_template("certificates/design-built-in.html", **about, wrong=None, kept={}), status
    spec, language = shown.spec, _words_language(shown)
    words = spec.get("words", {})
    forms = {
        "looks_form": DesignLooksForm(
            formdata=None,
            data={"name": shown.name, "signatory": spec.get("signatory"), **COLOURS, **spec.get("colours", {})},
        ),
        "words_form": DesignWordsForm(formdata=None, data=words.get(language) or READY.get(language, {})),
    } | {
        f"{role}_form": DesignPictureForm.of(role, formdata=None, data=spec.get("pictures", {}).get(role, {}))
        for role in ROLES
    }
    page = render_template(
        "certificates/design.html",
        **about,
        **(forms | given),
        wrong=None,
        pictures=spec.get("pictures", {}),
        language=language,
        languages={
            tag: language_name(tag) for tag in sorted({FALLBACK, *words}, key=lambda tag: (tag != FALLBACK, tag))
        },
        more_languages=[choice for choice in language_choices() if choice.value not in {FALLBACK, *words}],
        has_words=language in words,
        is_ready=language not in words and language in READY,
        english={**ENGLISH, **words.get(FALLBACK, {})} if language != FALLBACK else ENGLISH,
        limits=LIMITS,
        kept=_kept(),
    )
    return page, status


def _words_language(shown: Version) -> str:
    view = request.view_args or {}
    language = view.get("language") or request.args.get("words") or FALLBACK
    return language if language in LANGUAGES or language in shown.spec.get("words", {}) else FALLBACK


def _look_form(shown: Version) -> LookForm:
    """The preview settings, from another form sent by a script or from the query string."""
    by = current_actor()
    sent = {name: value for name, value in request.args.items() if name.startswith(_LOOK)}
    sent |= {name: value for name, value in request.form.items() if name.startswith(_LOOK)}
    form = LookForm(formdata=MultiDict(sent), prefix=_LOOK)
    series = {"": _("Sample series")} | {one.slug: one.title for one in queries.series_to_look_at(by=by)}
    chosen = form.series.data if form.series.data in series else ""
    scripts = {f"script-{script}": _script_name(script) for script in queries.scripts_of(chosen, by=by)}
    words = {tag: language_name(tag) for tag in shown.spec.get("words", {})}
    form.offer(
        series, _samples() | scripts, {"": _("Language of the series"), FALLBACK: language_name(FALLBACK)} | words
    )
    edited = _words_language(shown)
    if not sent and edited in words:
        form.language.data = edited
    return form


def _script_name(script: str) -> str:
    return _("A name in %(script)s script", script=script)


def _samples() -> dict[str, str]:
    return {
        "longest": _("Longest name"),
        "plain": _("No name in native script"),
        "strange": _("A name with unusual characters"),
        "90": _("A name with 90 letters"),
        "200": _("A name with 200 letters"),
        "one": _("A single lecture"),
        "12": _("12 lectures"),
        "40": _("40 lectures"),
    }


def _looked_at(shown: Version, form: LookForm) -> dict[str, Any]:
    award = queries.award_of(versions.to_design(shown.spec), _look(form), by=current_actor())
    query = {f"{_LOOK}{name}": value for name, value in form.data.items() if value}
    return {
        "award": award,
        "fault": queries.fault_of(award),
        "look": query,
        "stamp": int(shown.changed_at.timestamp() * 1000),
    }


def _look(form: LookForm) -> Look:
    return Look(form.series.data, form.sample.data, form.language.data, CertificateKind(form.kind.data))


@bp.get("/admin/designs/<int:family_id>/look.png")
@allow(Role.ADMINISTRATOR)
def design_look(family_id: int) -> ResponseReturnValue:
    """The preview of a design as a picture."""
    by = current_actor()
    form = _look_form(queries.get_design(family_id, by=by))
    return Response(queries.picture_of(family_id, _look(form), by=by), mimetype="image/png")


def _done(family_id: int, **query: str) -> ResponseReturnValue:
    """After a change: the new preview for a script, otherwise a redirect to the page with the same sample."""
    if request.headers.get("HX-Request"):
        return _page(family_id)
    return redirect(_address(family_id, **query), 303)


def _kept() -> dict[str, str]:
    """The preview settings in the query string."""
    known = ("words", *(f"{_LOOK}{name}" for name in ("series", "sample", "language", "kind")))
    return {name: request.args[name] for name in known if name in request.args}


def _address(family_id: int, **query: str) -> str:
    return f"{url_for('.design', family_id=family_id)}?{urlencode({**_kept(), **query})}"


@bp.post("/admin/designs/<int:family_id>/looks")
@allow(Role.ADMINISTRATOR)
def design_looks(family_id: int) -> ResponseReturnValue:
    """Name, colours and signatory."""
    form = DesignLooksForm()
    if not form.validate_on_submit():
        return _page(family_id, 422, looks_form=form)
    try:
        actions.set_looks(family_id, form.values(), by=current_actor(), at=clock.now())
    except Invalid as error:
        form.take(error)
        return _page(family_id, 422, looks_form=form)
    return _done(family_id)


@bp.post("/admin/designs/<int:family_id>/words/<language>")
@allow(Role.ADMINISTRATOR)
def design_words(family_id: int, language: str) -> ResponseReturnValue:
    """Text in one language."""
    if language not in LANGUAGES:
        raise NotFound
    form = DesignWordsForm()
    if not form.validate_on_submit():
        return _page(family_id, 422, words_form=form)
    try:
        actions.set_words(family_id, language, form.values(), by=current_actor(), at=clock.now())
    except Invalid as error:
        form.take(error)
        return _page(family_id, 422, words_form=form)
    return _done(family_id, words=language)


@bp.post("/admin/designs/<int:family_id>/words/<language>/remove")
@allow(Role.ADMINISTRATOR)
def drop_design_words(family_id: int, language: str) -> ResponseReturnValue:
    """Removes a language."""
    actions.drop_words(family_id, language, by=current_actor(), at=clock.now())
    return redirect(url_for(".design", family_id=family_id))


@bp.post("/admin/designs/<int:family_id>/pictures/<role>")
@body_limit(2 * MAX_BYTES + FORM_BYTES)
@allow(Role.ADMINISTRATOR)
def design_picture(family_id: int, role: str) -> ResponseReturnValue:
    """Saves a logo, seal or signature with its description."""
    if role not in ROLES:
        raise NotFound
    form = DesignPictureForm.of(role)
    if not form.validate_on_submit():
        return _page(family_id, 422, **{f"{role}_form": form})
    content = form.file.data.read() if form.file.data else None
    try:
        actions.set_picture(family_id, role, content, form.alt.data, by=current_actor(), at=clock.now())
    except Invalid as error:
        form.take(error)
        return _page(family_id, 422, **{f"{role}_form": form})
    return _done(family_id)


@bp.post("/admin/designs/<int:family_id>/pictures/<role>/remove")
@allow(Role.ADMINISTRATOR)
def drop_design_picture(family_id: int, role: str) -> ResponseReturnValue:
    """Removes a picture."""
    actions.drop_picture(family_id, role, by=current_actor(), at=clock.now())
    return _done(family_id)


@bp.post("/admin/designs/<int:family_id>/publish")
@allow(Role.ADMINISTRATOR)
def publish_design(family_id: int) -> ResponseReturnValue:
    """Puts the draft into use."""
    with flash_refusal():
        actions.publish_design(family_id, by=current_actor(), at=clock.now())
        flash(_("Design put into use. Certificates issued from now on use it."), "done")
    return redirect(url_for(".design", family_id=family_id))


@bp.post("/admin/designs/<int:family_id>/default")
@allow(Role.ADMINISTRATOR)
def default_design(family_id: int) -> ResponseReturnValue:
    """Makes a design the default; 0 is the built-in one."""
    with flash_refusal():
        actions.set_default(family_id or None, by=current_actor(), at=clock.now())
    return redirect(url_for(".design_list"))


@bp.get("/series/<slug>/certificates/design")
@allow(Role.ADMINISTRATOR)
def series_design(slug: str) -> ResponseReturnValue:
    """The design used by a series."""
    return _series_page(slug, None)


def _series_page(slug: str, form: SeriesDesignForm | None) -> str:
    by = current_actor()
    series = get_series(slug, by=by)
    chosen = versions.choice_of(series.id)
    form = form or _series_form(data={"design": "all" if chosen is None else str(chosen)})
    designs = [one for one in queries.list_designs(by=by) if one.in_use]
    return render_template("certificates/series-design.html", series=series, form=form, designs=designs)


def _series_form(**given: Any) -> SeriesDesignForm:
    form = SeriesDesignForm(**given)
    designs = [one for one in queries.list_designs(by=current_actor()) if one.in_use]
    for_all = next((one.name for one in designs if one.is_default), _("built-in"))
    form.offer(((one.family_id, one.name) for one in designs), for_all)
    return form


@bp.post("/series/<slug>/certificates/design")
@allow(Role.ADMINISTRATOR)
def choose_design(slug: str) -> ResponseReturnValue:
    """Selects the design of a series."""
    form = _series_form()
    if not form.validate_on_submit():
        return _series_page(slug, form), 422
    chosen = None if form.design.data == "all" else int(form.design.data)
    actions.choose_design(slug, chosen, by=current_actor(), at=clock.now())
    flash(_("Certificates issued from now on use this design."), "done")
    return redirect(url_for(".issue", slug=slug))
