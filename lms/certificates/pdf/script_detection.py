"""Which script and language a text is written in: what a page, a PDF and a reader need to set it rightly."""

import unicodedata
from collections import Counter
from dataclasses import dataclass

from babel.core import get_global


@dataclass(frozen=True)
class Writing:
    """`script` by ISO 15924, `lang` by BCP 47 as the script's usual language, `direction` ltr or rtl."""

    script: str
    lang: str
    direction: str = "ltr"


LATIN = Writing("Latn", "en")

# Keyed by the first word of a character's Unicode name.
_WRITINGS = {
    "LATIN": LATIN,
    "CYRILLIC": Writing("Cyrl", "ru"),
    "GREEK": Writing("Grek", "el"),
    "ARABIC": Writing("Arab", "ar", "rtl"),
    "HEBREW": Writing("Hebr", "he", "rtl"),
    "THAANA": Writing("Thaa", "dv", "rtl"),
    "SYRIAC": Writing("Syrc", "syr", "rtl"),
    "NKO": Writing("Nkoo", "nqo", "rtl"),
    "ADLAM": Writing("Adlm", "ff", "rtl"),
    "THAI": Writing("Thai", "th"),
    "LAO": Writing("Laoo", "lo"),
    "KHMER": Writing("Khmr", "km"),
    "MYANMAR": Writing("Mymr", "my"),
    "DEVANAGARI": Writing("Deva", "hi"),
    "BENGALI": Writing("Beng", "bn"),
    "GURMUKHI": Writing("Guru", "pa"),
    "GUJARATI": Writing("Gujr", "gu"),
    "ORIYA": Writing("Orya", "or"),
    "TAMIL": Writing("Taml", "ta"),
    "TELUGU": Writing("Telu", "te"),
    "KANNADA": Writing("Knda", "kn"),
    "MALAYALAM": Writing("Mlym", "ml"),
    "SINHALA": Writing("Sinh", "si"),
    "TIBETAN": Writing("Tibt", "bo"),
    "MONGOLIAN": Writing("Mong", "mn"),
    "ETHIOPIC": Writing("Ethi", "am"),
    "GEORGIAN": Writing("Geor", "ka"),
    "ARMENIAN": Writing("Armn", "hy"),
    "CJK": Writing("Hans", "zh"),
    "HIRAGANA": Writing("Jpan", "ja"),
    "KATAKANA": Writing("Jpan", "ja"),
    "HANGUL": Writing("Kore", "ko"),
}

# Chinese characters alone do not say whose they are; the person's country does.
_CJK_OF_COUNTRY = {
    "JP": Writing("Jpan", "ja"),
    "KR": Writing("Kore", "ko"),
    "KP": Writing("Kore", "ko"),
    "TW": Writing("Hant", "zh-TW"),
    "HK": Writing("Hant", "zh-HK"),
    "MO": Writing("Hant", "zh-HK"),
}


def writing_of(text: str, country: str | None = None) -> Writing:
    """The writing most of the text's letters are in; kana or hangul among them decides for its language."""
    counted = Counter(unicodedata.name(sign, "?").split(" ")[0].split("-")[0] for sign in text if sign.isalpha())
    for decisive in ("HIRAGANA", "KATAKANA", "HANGUL"):
        if counted[decisive]:
            return _WRITINGS[decisive]
    known = [(count, name) for name, count in counted.items() if name in _WRITINGS]
    if not known:
        return LATIN
    name = max(known)[1]
    if name == "CJK":
        return _CJK_OF_COUNTRY.get(country or "", _WRITINGS["CJK"])
    return _WRITINGS[name]


_CHINESE_CHARACTERS = frozenset({"Hans", "Hant", "Jpan", "Kore"})
# Languages that are written in Latin and in Cyrillic letters.
_LATIN_OR_CYRILLIC = frozenset({"az", "bs", "kk", "ky", "sr", "tg", "tk", "tt", "uz"})


def language_of(text: str, declared: str) -> str:
    """The BCP 47 tag of a title: `declared`, or another where its letters cannot be of that language.

    An English title in a Chinese series is `en`. A title with foreign names or abbreviations keeps the declared one.
    """
    tag = declared.replace("_", "-")
    scripts = _scripts_of(tag)
    letters = [sign for sign in text if sign.isalpha()]
    if not letters or not scripts or _fits(writing_of(text), scripts):
        return tag
    if "Latn" not in scripts and any(_fits(writing_of(sign), scripts) for sign in letters):
        return tag
    return writing_of(text).lang


def _fits(writing: Writing, scripts: frozenset[str]) -> bool:
    return writing.script in scripts or (writing.script == "Hans" and not scripts.isdisjoint(_CHINESE_CHARACTERS))


def _scripts_of(tag: str) -> frozenset[str]:
    """The scripts of a language; empty if unknown."""
    language, *rest = tag.split("-")
    named = next((part.title() for part in rest if len(part) == 4), None)
    if named is None and language.lower() in _LATIN_OR_CYRILLIC:
        return frozenset({"Latn", "Cyrl"})
    likely = get_global("likely_subtags").get(language.lower())
    script = named or (likely.split("_")[1] if likely else None)
    return frozenset({script} if script else ())
