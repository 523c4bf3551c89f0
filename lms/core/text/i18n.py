"""Marks messages for translation: `_` (text), `_n` (singular and plural), `_p` (in a context), `_l` and `_lp` (lazy).

What only commands and checks print stays English: `english`, `english_n`.
"""

from typing import Any

from babel.support import NullTranslations, Translations
from flask import current_app, g, has_app_context
from flask_babel import get_locale, get_translations
from flask_babel.speaklater import LazyString

from lms.core.base.settings import resource
from lms.core.text.sorting import collation_key
from lms.setting_values import LANGUAGES as LANGUAGES

CLDR_NAMES = {"pt": "pt_PT"}
"""Locales of CLDR for names and numbers, where the language alone means another country's usage."""
TAGS = {"zh": "zh-Hans"}
"""Tags of BCP 47 where the code alone leaves open in which letters a language is written."""
SPOKEN = "lms.languages"
"""The key under which an application keeps the languages that it offers."""

_outside: Any = None
_outside_language = "en"


def find_translated() -> tuple[str, ...]:
    """The languages that have a compiled catalogue, English first."""
    folder = resource("translations")
    return tuple(code for code in LANGUAGES if code == "en" or (folder / code / "LC_MESSAGES" / "messages.mo").exists())


def offered_languages(setting: str) -> tuple[str, ...]:
    """English and the languages of the setting `LMS_LANGUAGES`, or all, that have a compiled catalogue."""
    return tuple(code for code in find_translated() if code == "en" or not setting or code in setting.split())


def translated() -> tuple[str, ...]:
    """Returns the languages that pages and e-mails are available in. No others can be chosen."""
    codes: tuple[str, ...] | None = current_app.extensions.get(SPOKEN) if has_app_context() else None
    return codes or find_translated()


def spoken(code: str | None) -> str:
    """Returns this language if it is available, otherwise English."""
    return code if code in translated() else "en"


def use_language(code: str) -> None:
    """Sets the language of messages in a process that has no application."""
    global _outside, _outside_language
    _outside_language = code
    _outside = Translations.load(str(resource("translations")), [code]) if code != "en" else NullTranslations()


def reader_locale() -> str:
    """The code of the language of what is being rendered, found once a page."""
    try:
        code: str = g.language
    except AttributeError:
        g.language = code = str(get_locale() or "en")
    except RuntimeError:  # outside of any app
        return _outside_language
    return code


def name_key(name: str) -> tuple[bytes | str, ...]:
    """Returns what names are sorted by in the language of what is being rendered."""
    return collation_key(name, reader_locale())


def catalogue() -> Any:
    """Returns the reader's translations. Asks Flask-Babel once per page, not once per message."""
    try:
        return g.catalogue
    except AttributeError:
        g.catalogue = translations = get_translations()
        return translations
    except RuntimeError:  # outside of any app
        return _outside or get_translations()


def _(text: str, /, **words: Any) -> str:
    message: str = catalogue().ugettext(text)
    return message % words if words else message


def _n(single: str, many: str, num: int, /, **words: Any) -> str:
    message: str = catalogue().ungettext(single, many, num)
    return message % {"num": num, **words}


def _p(context: str, text: str, /, **words: Any) -> str:
    message: str = catalogue().upgettext(context, text)
    return message % words if words else message


def _l(text: str, /, **words: Any) -> LazyString:
    return LazyString(_, text, **words)


def _lp(context: str, text: str, /, **words: Any) -> LazyString:
    return LazyString(_p, context, text, **words)


def cldr_locale(code: str) -> str:
    """Returns the locale of CLDR that has the names and numbers of a language."""
    return CLDR_NAMES.get(code, code)


def language_tag(code: str) -> str:
    """Returns the tag of BCP 47 by which pages, e-mails and search engines are told one of our languages: zh-Hans."""
    return TAGS.get(code, code.replace("_", "-"))


def english(text: str, /, **words: Any) -> str:
    """A text of commands and checks, which stay English. Import it as `_`."""
    return text % words if words else text


def english_n(single: str, many: str, num: int, /, **words: Any) -> str:
    """Singular or plural of a text of commands and checks, which stay English. Import it as `_n`."""
    return (single if num == 1 else many) % {"num": num, **words}
