"""Which script a name is written in: what a page, a PDF and a reader need to set it rightly."""

import unicodedata
from collections import Counter
from dataclasses import dataclass


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
