"""The parts of a design of a certificate: colours, pictures and words. Data that is checked here, never template
code."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lms.certificates.designs.default_texts import READY
from lms.certificates.designs.image_sanitizer import SanitizedImage
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line

BUILT_IN_VERSION = 1
READY_VERSION = 0
FALLBACK = "en"
MAX_LANGUAGES = 24

ROLES = ("logo", "seal", "signature")
COLOURS = {"ink": "#0e1a1c", "quiet": "#48585b", "accent": "#00626b"}
LEAST_CONTRAST = 4.5

PLACEHOLDERS = ("name", "series", "lectures", "attended", "hours", "date", "organiser")

LIMITS = {
    "participation": 60,
    "completion": 60,
    "sentence": 240,
    "sentence_all": 240,
    "sentence_one": 240,
    "issued": 40,
    "verify": 60,
    "missed": 30,
    "to_come": 30,
    "office": 100,
}
"""The words of a design in one language, with the most letters each may have."""

TITLES = ("participation", "completion")
SENTENCES = ("sentence", "sentence_all", "sentence_one")

ENGLISH: Mapping[str, str] = {
    "participation": "Certificate of participation",
    "completion": "Certificate of completion",
    "sentence": "attended {attended} of the {lectures} lectures, {hours} hours, of the series",
    "sentence_all": "attended all {lectures} lectures, {hours} hours, of the series",
    "sentence_one": "attended the lecture, {hours} hours, of the series",
    "issued": "Issued",
    "verify": "Anyone can verify this at",
    "missed": "not attended",
    "to_come": "to come",
    "office": "",
}

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Design:
    """A design as used to typeset a certificate. `words` by language; `pictures` by role (see ROLES).

    Without arguments it is the built-in design in English.
    """

    colours: Mapping[str, str] = field(default_factory=dict)
    signatory: str = ""
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pictures: Mapping[str, SanitizedImage] = field(default_factory=dict)

    def colour(self, name: str) -> str:
        """One of COLOURS as #rrggbb."""
        return self.colours.get(name) or COLOURS[name]

    def language_for(self, language: str) -> str:
        """The language of certificates for a series in `language`: that language where the design has text for it,
        otherwise English.

        `zh-Hant` falls back to `zh`.
        """
        return next((tag for tag in _ever_shorter(language) if tag in self.words), FALLBACK)

    def word(self, name: str, language: str) -> str:
        """The text on the certificate. Text missing in a language is taken from English."""
        words_of_language = self.words.get(language, {})
        sentences = SENTENCES if name in SENTENCES else (name,)
        for where in (words_of_language, self.words.get(FALLBACK, {}), ENGLISH):
            # A single sentence applies to everyone, also to people who attended all
            for key in dict.fromkeys((name, sentences[0])):
                if where.get(key):
                    return where[key]
        return ""


BUILT_IN = Design()
"""Version 1, in English: for series whose language has no suggested text or no font."""
READY_MADE = Design(words=READY)
"""Version 0: the same, in the language of the series."""


def _ever_shorter(tag: str) -> Iterator[str]:
    parts = tag.replace("_", "-").split("-")
    for length in range(len(parts), 0, -1):
        yield "-".join(parts[:length])


def fill(text: str, values: Mapping[str, str]) -> str:
    """A sentence with its placeholders filled, once: braces in a value stay what they are."""
    return _BRACES.sub(lambda match: values.get(match[1] or "", match[0]), text)


def contrast_with_paper(colour: str) -> float:
    """The contrast of a colour (#rrggbb) with white, 1 to 21, as WCAG 2.2 reckons it."""
    shares = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def checked_colours(given: Mapping[str, str | None]) -> dict[str, str]:
    """Validates colours for storage. Raises Invalid for malformed colours and those too pale to read on paper."""
    faults, colours = [], {}
    for name in COLOURS:
        colour = (given.get(name) or COLOURS[name]).strip().lower()
        colours[name] = colour
        if not _COLOUR.fullmatch(colour):
            faults.append(Fault(_("Enter a colour as # followed by six hexadecimal digits, such as #00626b."), name))
        elif (contrast := contrast_with_paper(colour)) < LEAST_CONTRAST:
            ratio = f"{contrast // 0.1 / 10:.1f}"
            faults.append(
                Fault(
                    _(
                        "Its contrast on white paper is %(contrast)s to 1; at least 4.5 is needed. Use a "
                        "darker colour.",
                        contrast=ratio,
                    ),
                    name,
                )
            )
    if faults:
        raise Invalid(faults=faults)
    return colours


def checked_line(text: str | None, limit: int, name: str) -> str:
    """One line without control or direction characters. Raises Invalid where it is too long."""
    line = clean_line(text)
    if len(line) > limit:
        raise Invalid(name, _("Use at most %(n)s characters; this text has %(have)s.", n=limit, have=len(line)))
    return line


def checked_words(given: Mapping[str, str | None], language: str) -> dict[str, str]:
    """The words of one language as they are kept; what is as in English by default is not.

    Raises Invalid: too long, an unknown placeholder, a brace alone; in another language than English a kind's title
    or the sentence missing.
    """
    faults: list[Fault] = []
    words: dict[str, str] = {}
    for name, limit in LIMITS.items():
        try:
            line = checked_line(given.get(name), limit, name)
        except Invalid as error:
            faults += error.faults
            continue
        faults += [Fault(reason, name) for reason in faults_of_braces(line, PLACEHOLDERS if name in SENTENCES else ())]
        if not line and language != FALLBACK and name in (*TITLES, "sentence"):
            faults.append(Fault(_("Enter this text, so that the certificate does not mix two languages."), name))
        if line:
            words[name] = line
    if faults:
        raise Invalid(faults=faults)
    return words


def faults_of_braces(text: str, known: Iterable[str]) -> Iterator[str]:
    """Errors in the braces of a text that can contain these placeholders."""
    allowed = tuple(known)
    named = ", ".join(f"{{{name}}}" for name in allowed)
    for match in _BRACES.finditer(text):
        if not allowed:
            yield _("This text cannot contain placeholders. Remove the braces.")
            return
        if match[1] is None:
            yield _("There is an unmatched brace. The placeholders are %(known)s.", known=named)
            return
        if match[1] not in allowed:
            yield _("Unknown placeholder %(name)s. The placeholders are %(known)s.", name=match[0], known=named)


def texts_of(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every text that is printed of a kept design: language, name, text."""
    if spec.get("signatory"):
        yield "", "signatory", spec["signatory"]
    for language, words in spec.get("words", {}).items():
        for name, text in words.items():
            yield language, name, text
