"""Languages to choose from, and the page on which staff write texts in several languages."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from babel import Locale
from flask import flash, request
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired, Optional

from lms.core.base.errors import Invalid
from lms.core.text.i18n import _, _l, cldr_locale
from lms.core.text.translations import base_of, languages_of, main_language, outdated_fields
from lms.web.forms.forms import BaseForm, KnownChoice, sorted_choices
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import language_name

LANGUAGES = (
    "en", "fr", "es", "pt", "ru", "ar", "zh", "sw", "am", "ha", "yo", "zu", "so", "hi", "ur", "bn", "ne", "si", "ta",
    "th", "vi", "km", "lo", "my", "id", "ms", "fil", "mn", "kk", "uz", "ky", "tg", "tk", "az", "fa", "tr", "ja", "ko",
    "de", "it", "nl", "pl", "uk", "ro", "sr", "el",
)  # fmt: skip
"""Languages that the forms offer; the API takes any."""


def language_choices(chosen: str | None = None, codes: Iterable[str] = LANGUAGES) -> list[SelectChoice]:
    """Languages by name in the reader's language; a language in use stays a choice."""
    names = Locale.parse(cldr_locale(reader_locale())).languages
    offered = {*codes, *([chosen] if chosen else [])}
    return sorted_choices((code, names.get(code) or language_name(code)) for code in offered)


class MainLanguageForm(BaseForm):
    """The language that the main text is written in."""

    text_language = KnownChoice(
        _l("Language"), [InputRequired(_l("Choose an option from the list."))], render_kw={"required": False}
    )


class TextsForm(BaseForm):
    """The texts of one language. A subclass has a field for each column that can be translated."""

    language = KnownChoice(_l("Language"), [Optional()])

    def texts(self) -> Mapping[str, str]:
        """Returns what was typed, by column."""
        return {name: value or "" for name, value in self.values().items() if name != "language"}


@dataclass
class LanguagesPage:
    """The forms of the page: of the main language, of each language that has texts, and of a new one. `outdated`: the
    fields whose main text has changed since, by language."""

    main: MainLanguageForm
    translations: list[tuple[str, TextsForm]]
    new: TextsForm
    outdated: Mapping[str, set[str]]
    main_language: str
    status: int | None = 200

    @property
    def forms(self) -> list[BaseForm]:
        """All of them, for the summary of errors."""
        return [self.main, *(form for _code, form in self.translations), self.new]


def languages_page(
    row: Any,
    kind: type[TextsForm],
    *,
    translate: Callable[[str, Mapping[str, str]], object],
    state_main: Callable[[str], object],
) -> LanguagesPage:
    """The page of a row's languages after what was sent to it; `status` is null when that was saved.

    `translate` saves the texts of a language, and removes the language if all are empty. `state_main` saves the
    language of the main text. Both may raise Invalid.
    """
    main = main_language(row)
    codes = [code for code in languages_of(row) if code != main]
    sent = request.form.get("form", "") if request.method == "POST" else ""
    page = LanguagesPage(
        _main_form(main, is_sent=sent == "main"),
        [(code, _texts_form(kind, code, row.translations[code], is_sent=sent == code)) for code in codes],
        _texts_form(kind, "new", {}, is_sent=sent == "new"),
        outdated={code: outdated_fields(row, code) for code in codes},
        main_language=main,
    )
    free = [code for code in LANGUAGES if code not in {main, *codes}]
    page.new.language.choices = language_choices(codes=free)
    if sent != "new":
        page.new.language.data = free[0]
    if request.method == "POST":
        page.status = _save(page, sent, translate=translate, state_main=state_main)
        if page.status is None:
            flash(_("Saved."), "done")
    return page


def _save(
    page: LanguagesPage,
    sent: str,
    *,
    translate: Callable[[str, Mapping[str, str]], object],
    state_main: Callable[[str], object],
) -> int | None:
    """Saves what was sent to one of the forms. Returns null when it is saved, otherwise the status of the answer."""
    if sent == "main":
        return page.main.attempt(lambda: state_main(page.main.text_language.data))
    form = page.new if sent == "new" else dict(page.translations).get(sent)
    if form is None:
        return 400
    code = form.language.data if sent == "new" else sent
    texts = dict.fromkeys(form.texts(), "") if "remove" in request.form else form.texts()

    def work() -> None:
        if sent == "new" and not any(texts.values()):
            raise Invalid(next(iter(texts)), _("Enter something here."))
        translate(code, texts)

    return form.attempt(work)


def _main_form(main: str, *, is_sent: bool) -> MainLanguageForm:
    form = MainLanguageForm(prefix="main-", data={"text_language": main}, **({} if is_sent else {"formdata": None}))
    not_stated = [] if main else [SelectChoice("", _("Not stated"))]
    form.text_language.choices = [*not_stated, *language_choices(main or None)]
    return form


def _texts_form(kind: type[TextsForm], code: str, texts: Mapping[str, str], *, is_sent: bool) -> TextsForm:
    form = kind(prefix=f"{code}-", data=texts, **({} if is_sent else {"formdata": None}))
    form.language.choices = language_choices(code if code != "new" else None)
    for field in form:
        if code != "new" and field.name != form.language.name:
            field.render_kw = {"lang": code, "dir": Locale.parse(base_of(code)).text_direction}
    return form
