"""The reader's language: the page's `?lang=`, else the profile, else the cookie, else the browser's wish.

Calls with a token get that of `Accept-Language` if they send it, else that of the profile.
"""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from babel import Locale
from babel.numbers import format_decimal
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, force_locale
from jinja2 import pass_context
from jinja2.runtime import Context

from lms.core.base.settings import resource
from lms.core.text.i18n import SPOKEN, _, catalogue, cldr_locale, language_tag, offered_languages, spoken, translated
from lms.core.text.i18n import reader_locale as reader_locale
from lms.core.text.punctuation import at_start, colon, comma, full_stop, gap, listed, separator
from lms.web.request.identity import Unauthenticated, current_actor


def offered() -> tuple[tuple[str, str], ...]:
    """The languages pages are translated into, as (code, own name)."""
    return tuple((code, own_name(code)) for code in translated())


def own_name(code: str) -> str:
    """A language's name in itself."""
    name = Locale.parse(code).get_display_name(code) or code
    return at_start(name)


def select() -> str:
    """The language of the current rendering: always one with a translation."""
    if not has_request_context():
        return "en"
    known = translated()
    address_wish = request.args.get("lang", "")
    if address_wish not in known and "Authorization" in request.headers and request.accept_languages:
        return accepted(known)
    try:
        stored_locale = current_actor().locale
    except Unauthenticated:
        stored_locale = None
    for wish in (address_wish, stored_locale, request.cookies.get("lang")):
        if wish in known:
            return wish
    return accepted(known)


def accepted(known: Container[str]) -> str:
    """The first of the browser's wishes that is known, by their rank, whatever the region: `zh` for `zh-CN`; else `en`.

    RFC 4647, section 3.4. Werkzeug's `best_match` looks for exact tags of all ranks before it shortens one.
    """
    wishes = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
    return next((code for code in wishes if code in known), "en")


def chosen_language() -> str | None:
    """The language that a reader without account chose on a page; None where it follows the browser."""
    code = request.cookies.get("lang")
    return code if code in translated() else None


@dataclass(frozen=True, slots=True)
class LanguageOffer:
    """The question of a page to somebody who chose another language than that of the account, in the language
    chosen."""

    code: str
    direction: str
    question: str
    answer: str


def language_offer(code: str) -> LanguageOffer:
    """The question whether to keep a language that was chosen before signing in."""
    stored = spoken(current_actor().locale)
    with speaking(code, None):
        question = _(
            "You chose this language before you signed in. The pages and e-mails of your account are in another: "
            "%(language)s.",
            language=Locale.parse(cldr_locale(code)).languages[stored],
        )
        return LanguageOffer(code, direction(code), question, _("Keep this language"))


@contextmanager
def speaking(code: str, zone: str | None) -> Iterator[None]:
    """Renders what follows for a reader of this language, if it is translated, and IANA zone: mail."""
    outside = {name: g.pop(name) for name in ("language", "zone", "catalogue") if name in g}
    g.zone = zone or None
    try:
        with force_locale(spoken(code)):
            yield
    finally:
        for name in ("language", "zone", "catalogue"):
            g.pop(name, None)
        for name, value in outside.items():
            setattr(g, name, value)


def direction(locale: str) -> str:
    """`ltr` or `rtl`."""
    return Locale.parse(locale).text_direction


def init_app(app: Flask, languages: str) -> None:
    """Wires Flask-Babel and looks for the catalogues. `languages`: the setting `LMS_LANGUAGES`.

    In templates the count within a plural is grouped as the reader's language does.
    """
    app.extensions[SPOKEN] = offered_languages(languages)
    Babel(app, locale_selector=select, default_translation_directories=str(resource("translations")))
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of Jinja's extension i18n
        lambda text: catalogue().ugettext(text),
        lambda single, many, count: catalogue().ungettext(single, many, count),
        newstyle=True,
        pgettext=lambda where, text: catalogue().upgettext(where, text),
    )
    put = app.jinja_env.globals
    put["ngettext"] = _grouping(cast("Callable[..., str]", put["ngettext"]))
    for function in (separator, comma, colon, full_stop, gap):
        put[function.__name__] = function
    app.add_template_filter(listed, "listed")
    app.add_template_filter(language_tag, "language_tag")
    app.add_template_filter(language_offer, "language_offer")


def _grouping(say: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def ngettext(context: Context, single: str, many: str, count: int | str, /, **words: Any) -> str:
        if isinstance(count, str):
            message = f"the count of a plural must be a number, not {count!r}"
            raise TypeError(message)
        words.setdefault("num", format_decimal(count, locale=cldr_locale(reader_locale())))
        return say(context, single, many, count, **words)

    return ngettext
