"""Texts that people write in several languages, and which of them a reader gets.

A row has the main text in its columns, and texts in other languages in `translations`: by language, then by column.
`text_language` is the language of the main text; null where it is the row's `language`. `translated_from` has, as
`translations`, a digest of the main text that each translation was written from; none where that is not known.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from babel import Locale
from sqlalchemy import JSON, String, event, inspect
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _, name_key, reader_locale
from lms.core.text.typed_text import clean_line, clean_text

Translations = dict[str, dict[str, str]]
MOST = 40
"""How many languages one row can have translations in."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}")


class TranslatedTexts:
    """The columns of a row with texts in several languages. `translated_from` is written whenever `translations` is."""

    text_language: Mapped[str | None] = mapped_column(String(16))
    translations: Mapped[Translations] = mapped_column(JSON, default=dict, server_default="{}", active_history=True)
    translated_from: Mapped[Translations] = mapped_column(JSON, default=dict, server_default="{}")


@dataclass(frozen=True, slots=True)
class TextField:
    """A column that can be translated: how many characters it has at most, and whether they are one line."""

    most: int
    is_line: bool = False


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A text with its language, which is empty where nobody stated it."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class TitleTexts:
    """The title of a row in all its languages, where no more of the row is read."""

    title: str
    language: str
    text_language: str | None
    translations: Translations


def base_of(language: str) -> str:
    """The code of a language without script and region: zh of zh-Hant."""
    return language.replace("_", "-").partition("-")[0]


def main_language(row: Any) -> str:
    """The language of a row's main text; empty where nobody stated it."""
    return row.text_language or getattr(row, "language", None) or ""


def translation_for(row: Any, field: str, locale: str) -> WrittenText:
    """A field of a row in the reader's language, or in the main one where there is no such text."""
    main, texts = main_language(row), row.translations
    if texts and base_of(main) != (base := base_of(locale)):
        codes = [code for code in texts if base_of(code) == base and texts[code].get(field)]
        if codes:
            code = base if base in codes else min(codes)
            return WrittenText(texts[code][field], code)
    return WrittenText(getattr(row, field) or "", main)


def reader_text(row: Any, field: str = "title") -> str:
    """A field of a row in the language of what is being rendered, or in the main one where there is no such text."""
    return translation_for(row, field, reader_locale()).text


def every_text(row: Any, field: str = "title") -> list[str]:
    """A field of a row in every language, for searches."""
    texts = (texts.get(field) for texts in row.translations.values())
    return [getattr(row, field) or "", *(text for text in texts if text)]


def reading_key(row: Any, field: str = "title") -> tuple[bytes | str, ...]:
    """Returns what rows are sorted by to be in the order of the texts that the reader sees."""
    return name_key(reader_text(row, field))


def all_texts(row: Any, field: str, locale: str) -> list[WrittenText]:
    """A field of a row in every language: first what the reader gets, then the main text, then by code."""
    main = main_language(row)
    others = [WrittenText(texts[field], code) for code, texts in sorted(row.translations.items()) if texts.get(field)]
    texts = [translation_for(row, field, locale), WrittenText(getattr(row, field) or "", main), *others]
    return [text for text in dict.fromkeys(texts) if text.text]


def languages_of(row: Any) -> list[str]:
    """The languages that a row has a text in: the main one, then by code."""
    main = main_language(row)
    return [main, *(code for code in sorted(row.translations) if code != main)]


@dataclass(frozen=True, slots=True)
class TextOf:
    """A field of a row, of which each reader of an e-mail gets the text in their language (`for_reader`)."""

    row: Any
    field: str = "title"


def for_reader(value: Any, locale: str) -> Any:
    """A payload with the text in the reader's language in place of each `TextOf`."""
    if isinstance(value, TextOf):
        return translation_for(value.row, value.field, locale).text
    if isinstance(value, Mapping):
        return {name: for_reader(part, locale) for name, part in value.items()}
    return [for_reader(part, locale) for part in value] if isinstance(value, list | tuple) else value


def with_translation(stored: Translations, language: str, texts: Mapping[str, str]) -> Translations:
    """These translations with the texts of one language replaced; without the language if all texts are empty."""
    written = {field: text for field, text in texts.items() if text}
    others = {code: dict(fields) for code, fields in stored.items() if code != language}
    return {**others, language: written} if written else others


def _digest(text: str | None) -> str:
    return blake2b((text or "").encode(), digest_size=8).hexdigest()


@event.listens_for(TranslatedTexts, "before_insert", propagate=True)
@event.listens_for(TranslatedTexts, "before_update", propagate=True)
def _note_sources(_mapper: object, _connection: object, row: Any) -> None:
    """Notes from which main text the translations that have changed were written."""
    history = inspect(row).attrs.translations.history
    if not history.added:
        return
    before, known = (history.deleted or [{}])[0] or {}, row.translated_from or {}
    sources: Translations = {}
    for code, texts in row.translations.items():
        for field, text in texts.items():
            source = known.get(code, {}).get(field)
            if before.get(code, {}).get(field) != text:
                source = _digest(getattr(row, field))
            if source:
                sources.setdefault(code, {})[field] = source
    row.translated_from = sources


def confirm_translation(row: Any, language: str) -> None:
    """Notes that the texts of a language fit the main text as it is now, whether they were changed or not."""
    language = one_spelling(language)
    texts = row.translations.get(language, {})
    others = {code: fields for code, fields in row.translated_from.items() if code != language}
    row.translated_from = {**others, language: {field: _digest(getattr(row, field)) for field in texts}}


def outdated_fields(row: Any, language: str) -> set[str]:
    """The fields whose main text has changed since their text in this language was written."""
    sources, texts = row.translated_from.get(language, {}), row.translations.get(language, {})
    return {field for field in texts if sources.get(field) not in (None, _digest(getattr(row, field)))}


def is_language(code: str) -> bool:
    """Whether this is a code of a language that has a name: fr, zh-Hant, pt-BR."""
    return bool(_LANGUAGE.fullmatch(code)) and len(code) <= 16 and base_of(code) in Locale("en").languages


def one_spelling(code: str) -> str:
    """A code of a language as RFC 5646 recommends to write it, so that zh-hant and zh-Hant are one language."""
    base, *parts = code.split("-")
    cased = (part.title() if len(part) == 4 else part.upper() if len(part) == 2 else part.lower() for part in parts)
    return "-".join([base, *cased])


def checked_translations(
    sent: Mapping[str, Mapping[str, str]], fields: Mapping[str, TextField], *, main: str
) -> tuple[Translations, list[Fault]]:
    """Translations as they are stored, without empty texts, and what is wrong with them, as `translations.fr.title`.

    `main` is the language of the main text, which cannot have a translation.
    """
    faults: list[Fault] = []
    checked: Translations = {}
    for sent_code, texts in sent.items():
        code = one_spelling(sent_code)
        fault = _fault_of_language(code, main)
        if fault is None and code in {one_spelling(other) for other in sent if other != sent_code}:
            fault = _("“%(code)s” is there twice.", code=code)
        if fault:
            faults.append(Fault(fault, field="translations"))
            continue
        values = {name: _clean(texts.get(name), field) for name, field in fields.items()}
        for name, field in fields.items():
            if len(values[name]) > field.most:
                reason = _("Use at most %(n)s characters.", n=field.most)
                faults.append(Fault(reason, field=f"translations.{code}.{name}"))
        faults += [Fault(_("Unknown field."), field=f"translations.{code}.{name}") for name in set(texts) - set(fields)]
        checked = with_translation(checked, code, values)
    if len(checked) > MOST:
        faults.append(Fault(_("Use at most %(n)s languages.", n=MOST), field="translations"))
    return checked, faults


def _fault_of_language(code: str, main: str) -> str | None:
    if not is_language(code):
        return _("“%(code)s” is not a known language. Use a code such as en or fr.", code=code[:32])
    if code == one_spelling(main):
        return _("The main text is in this language. Choose another one.")
    return None


def _clean(text: str | None, field: TextField) -> str:
    return clean_line(text) if field.is_line else clean_text(text)


def translated_into(row: Any, language: str, texts: Mapping[str, str], fields: Mapping[str, TextField]) -> Translations:
    """A row's translations with the texts of one language replaced. Raises Invalid with each field that is wrong."""
    language = one_spelling(language)
    checked, faults = checked_translations({language: texts}, fields, main=main_language(row))
    result = with_translation(row.translations, language, checked.get(language, {}))
    if len(result) > MOST:
        faults.append(Fault(_("Use at most %(n)s languages.", n=MOST), field="translations"))
    if faults:
        names = {"translations": "language"}
        at_fields = [(fault, (fault.field or "").rpartition(".")[2]) for fault in faults]
        raise Invalid(faults=[Fault(fault.reason, field=names.get(name, name)) for fault, name in at_fields])
    return result
