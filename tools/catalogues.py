"""Keeps the catalogues of translations in step with the messages, compiles them, and checks their entries.

`python -m tools.catalogues` takes the messages of `messages.pot` into the `messages.po` of each language and prints how
many are missing. `--compile` writes the `.mo` files that the application reads.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from lms.core.text.i18n import LANGUAGES
from tools.messages import read_catalogue, write_messages

FOLDER = Path(__file__).resolve().parents[1] / "lms" / "translations"
TRANSLATED = tuple(code for code in LANGUAGES if code != "en")
PLURALS = {
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);",
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "pt": "nplurals=2; plural=(n != 1);",
    "ru": ("nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"),
    "zh": "nplurals=1; plural=0;",
}
"""Plural forms of each language, as its glossary states them."""
EXACT_FORMS = {"ar": {0, 1, 2}, "es": {0}, "pt": {0}}
"""Forms that apply to exactly one number, whose word can stand in place of the number."""
_PLACEHOLDER = re.compile(r"%(?:\([a-z_A-Z0-9]+\))?[a-z%]|\{[a-z_]*\}")
_WITHOUT_LONE = re.compile(r"%%|%\(\w+\)s")
_TAG = re.compile(r"</?[a-z][^>]*>|&[a-z]+;|&#\d+;")
_ENDS = {".": ".。", "?": "?؟？", "!": "!！", ":": ":：", "…": "…", ",": ",،，:：!！", ";": ";؛；"}
"""The marks that a translation can end with, by the mark that the English message ends with."""
_SPACES_BEFORE = "\u202f\u00a0"


def path_of(code: str) -> Path:
    """The catalogue of a language."""
    return FOLDER / code / "LC_MESSAGES" / "messages.po"


def header(code: str) -> str:
    """The header of a language's catalogue."""
    return (
        'msgid ""\nmsgstr ""\n'
        '"Project-Id-Version: Serai\\n"\n'
        f'"Language: {code}\\n"\n'
        f'"Plural-Forms: {PLURALS[code]}\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )


def read(code: str) -> Catalog:
    """A language's catalogue; without entries if there is no file."""
    path = path_of(code)
    if not path.exists():
        return Catalog(locale=code, charset="utf-8")
    with path.open(encoding="utf-8") as file:
        return read_po(file, locale=code, charset="utf-8", ignore_obsolete=True)


def write(code: str, catalogue: Catalog) -> None:
    """Writes a language's catalogue in the order of the template."""
    path_of(code).parent.mkdir(parents=True, exist_ok=True)
    path_of(code).write_text(header(code) + write_messages(catalogue), encoding="utf-8")


def update(code: str, template: Catalog) -> Catalog:
    """Takes the template's messages into a language's catalogue. Messages that are gone are dropped, and nothing is
    guessed from similar ones."""
    catalogue, result = read(code), Catalog(locale=code, charset="utf-8")
    for message in template:
        if message.id:
            entry = catalogue.get(message.id, message.context)
            text = entry.string if entry is not None and entry.id == message.id else ""
            result.add(
                message.id, text, message.locations, message.flags, message.auto_comments, context=message.context
            )
    write(code, result)
    return result


def compile_catalogue(code: str) -> None:
    """Writes the `.mo` file of a language, unless there is one that is newer than its catalogue."""
    source, compiled = path_of(code), path_of(code).with_suffix(".mo")
    if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
        with (partial := compiled.with_suffix(".partial")).open("wb") as file:
            write_mo(file, read(code))
        partial.replace(compiled)


def forms(message: Message) -> tuple[str, ...]:
    """The translations of a message, one for each plural form."""
    return tuple(message.string) if isinstance(message.string, list | tuple) else (message.string,)


def problems(code: str, message: Message) -> Iterator[str]:
    """What is wrong with an entry: missing, placeholders, tags, spaces, and marks of punctuation.

    A plural form that applies to several numbers has the placeholders of the English plural. One that applies to
    exactly one number can have those of the singular instead."""
    sources = message.id if isinstance(message.id, list | tuple) else (message.id, message.id)
    texts = forms(message)
    if not all(texts):
        yield "is not translated"
        return
    if message.fuzzy:
        yield "is marked fuzzy"
    if message.pluralizable and len(texts) != int(PLURALS[code][9]):
        yield f"has {len(texts)} plural forms in place of {PLURALS[code][9]}"
    for number, text in enumerate(texts):
        yield from _problems_of_text(code, sources, text, number if message.pluralizable else None)


def _problems_of_text(code: str, sources: tuple[str, ...], text: str, form: int | None) -> Iterator[str]:
    source = sources[-1]
    expected, actual = sorted(_PLACEHOLDER.findall(source)), sorted(_PLACEHOLDER.findall(text))
    if form is not None and form in EXACT_FORMS.get(code, ()):
        expected, actual = ([name for name in names if name != "%(num)s"] for names in (expected, actual))
        if sorted(_PLACEHOLDER.findall(sources[0])) == actual:
            expected = actual
    if expected != actual:
        yield f"has the placeholders {actual} in place of {expected}"
    if "%" in _WITHOUT_LONE.sub("", text) and "%" not in _WITHOUT_LONE.sub("", source):
        yield "has a single % in place of %%"
    if sorted(_TAG.findall(source)) != sorted(_TAG.findall(text)):
        yield f"has the tags {_TAG.findall(text)} in place of {_TAG.findall(source)}"
    if _margins(source) != _margins(text):
        yield "begins or ends with other spaces"
    yield from _problems_of_end(source.strip(), text.strip())
    yield from (f"has {fault}" for pattern, fault in TYPOGRAPHY[code] if re.search(pattern, _plain(text)))


def _margins(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]


def _plain(text: str) -> str:
    """A text without what is the same in each language: tags, placeholders, addresses, code."""
    text = re.sub(r"<[^>]*>|`[^`]*`|\{[^}]*\}|https?://\S+|\S+@\S+", "X", text)
    return _PLACEHOLDER.sub("X", re.sub(r"&[a-z]+;", "X", text))


def _problems_of_end(source: str, text: str) -> Iterator[str]:
    mark = source[-1:]
    if mark in _ENDS and text[-1:] not in _ENDS[mark]:
        yield f"does not end with {mark!r} as the message does"
    if mark not in _ENDS and text[-1:] in "".join(_ENDS.values()) and text[-1:] not in "…":
        yield f"ends with {text[-1:]!r}, unlike the message"


_COMMON = (
    (r"  ", "two spaces"),
    (r"\.\.\.", "three dots in place of …"),
    (r"(?<=\w)'(?=\w)", "a typewriter apostrophe"),
)
_HAN = r"[\u4e00-\u9fff]"
_ARABIC = r"[\u0621-\u064a]"
TYPOGRAPHY: dict[str, tuple[tuple[str, str], ...]] = {
    "ar": (
        *_COMMON,
        (rf"{_ARABIC}\s*[,;?]", "a Latin comma, semicolon or question mark"),
        (r'"', "quotation marks other than « »"),
        (r"[\u0660-\u0669\u06f0-\u06f9]", "digits other than 0–9"),
        (r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "marks of direction"),
        (r"\s[،؛؟]", "a space before a mark"),
    ),
    "es": (
        *_COMMON,
        (r"^[^¿]*\?", "a question without ¿"),
        (r"^[^¡]*!", "an exclamation without ¡"),
        (r'"', "quotation marks other than « »"),
    ),
    "fr": (
        *_COMMON,
        (rf"[^{_SPACES_BEFORE}\W][;!?»]|[ ][;!?»]", "a mark without a narrow no-break space before it"),
        (r"\w:(?!\d|//)| :", "a colon without a no-break space before it"),
        (rf"«(?![{_SPACES_BEFORE}])", "« without a narrow no-break space after it"),
        (r'"', "quotation marks other than « »"),
    ),
    "pt": (*_COMMON, (r'"', "quotation marks other than « »")),
    "ru": (*_COMMON, (r'"', "quotation marks other than « »"), (r"(?<=\s)-(?=\s)", "a hyphen in place of a dash")),
    "zh": (
        (r"\.\.\.", "three dots in place of ……"),
        (rf"{_HAN}\s*[,;:?!]|{_HAN}\.(?!\w)", "a half-width mark"),
        (rf"{_HAN} {_HAN}", "a space between characters"),
        (r'"', "quotation marks other than “ ”"),
        (rf"{_HAN}\(|\){_HAN}", "half-width brackets"),
    ),
}
"""Patterns that a language's typography excludes, each with its name."""


if __name__ == "__main__":
    if "--compile" in sys.argv:
        for language in TRANSLATED:
            if path_of(language).exists():
                compile_catalogue(language)
    else:
        for language in TRANSLATED:
            missing = sum(1 for message in update(language, read_catalogue()) if message.id and not all(forms(message)))
            print(f"{language}: {missing} messages to translate")
