"""Names as people write them into meeting systems, and what is left once the decorations are taken off."""

import re
import unicodedata

_BRACKETS = re.compile(
    r"^(?P<out>[^()（）\[\]【】]*)[(（\[【](?P<within>[^()（）\[\]【】]*)[)）\]】](?P<after>.*)$", re.DOTALL
)
_BRACKETED = re.compile(r"[(（\[【]([^()（）\[\]【】]+)[)）\]】]")
_PRONOUNS = re.compile(
    r"^\s*(?:she|he|they|her|him|them|his|hers|theirs|ze|elle|il|iel|ella|él|el|elles?|sie|er|any|all)"
    r"(?:\s*[/,|]\s*[a-z]+)*\s*(?:pronouns)?\s*$",
    re.IGNORECASE,
)
_DEVICES = set(
    re.findall(
        r"\w+",
        "iphone ipad ipod macbook imac android galaxy samsung huawei honor xiaomi redmi oppo vivo oneplus pixel nokia "
        "tecno infinix itel desktop laptop pc computer tablet phone mobile user guest zoom admin host sm mi moto "
        "lenovo dell hp pro max plus mini air ultra note tab lite se my",
    )
)
_OWNED = re.compile(
    r"^.+(?:’s|'s) (?=\S+)|(?<=iphone) (?:de|von|di|van) .+$|(?<=ipad) (?:de|von|di|van) .+$", re.IGNORECASE
)
_NUMBERED = re.compile(
    r"^[#\s]*\d[\d\s./-]*(?:[_\-.:\s、，．：]+|[号號][_\-.:\s、，．：]*)(?=\D*[^\W\d_])"
    # Without a separator: before letters of East Asia, or several digits before a capital or a letter without case
    r"|^[#\s]*(?:\d+(?=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])|\d{2,}(?=[^\W\d_a-zß-ÿ]))"
)
_ROLE = re.compile(
    r"^(?:co-?host|host|moderator|presenter|panelist|organi[sz]er|viewer|anfitri[oó]n|moderador|gastgeber|hôte|主持人|مشرف)"
    r"\s*[:：]\s*(?=\S)",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"\s*(?:#|\||@|\u2022|·(?=\s)|//|\s[–—-]\s).*$", re.DOTALL)
_TITLE = re.compile(
    r"^(?:(?:dr|mr|mrs|ms|prof|professor|miss|madam|mme|engr|h\.\s?e)\.?\s+|(?:eng|m|sr|sra|hon|amb)\.\s+)+",
    re.IGNORECASE,
)
_RANKS = {
    "jr",
    "sr",
    "ii",
    "iii",
    "iv",
    "phd",
    "md",
    "msc",
    "mba",
    "bsc",
    "ma",
    "esq",
    "cpa",
    "ph.d",
    "m.d",
    "dphil",
    "llm",
}
_WAITING = re.compile(
    r"\s*[(（\[]?\s*(?:unverified|guest|external|host|co-host|me|访客|外部)\s*[)）\]]?\s*$", re.IGNORECASE
)


def undecorated(name: str, *, original: bool = False) -> str:
    """A name without decorations: `iPhone (Brian Smith)`, `12345_Brian Smith`, `01Brian Smith`, `Smith, Brian`, `Brian
    Smith (he/him)` and `Brian Smith # Ministry of Trade` are Brian Smith.

    If nothing would be left, the name is returned unchanged. `original`: the brackets hold the name of the account,
    which is used where the other is no full name.
    """
    text = " ".join(unicodedata.normalize("NFC", name).split())
    bare = _in_brackets(_ROLE.sub("", text), original)
    for pattern in (_NUMBERED, _SUFFIX, _TITLE):
        bare = pattern.sub("", bare).strip() or bare
    bare = _turned(bare).strip(" ,;_-#")
    return bare if any(sign.isalpha() for sign in bare) else text


def names_in(text: str) -> list[str]:
    """The names that a meeting system writes side by side, as in `01王小明(Wang)`: outside the brackets and within."""
    outside = " ".join(_BRACKETED.sub(" ", text).split())
    within = _BRACKETED.findall(text)
    names = [undecorated(part) for part in (outside, *within) if within and part and not _is_device(part)]
    return list(dict.fromkeys(names))


def _in_brackets(text: str, original: bool) -> str:
    """The text outside the brackets, or inside where that is the name."""
    while match := _BRACKETS.match(text):
        outside = " ".join(f"{match['out']} {match['after']}".split())
        within = match["within"].strip()
        if not within or _PRONOUNS.match(within) or _WAITING.fullmatch(within):
            text = outside
        elif not outside or _is_device(outside) or (original and len(outside.split()) < 2 <= len(within.split())):
            text = within
        else:
            text = outside
    return text


def _is_device(text: str) -> bool:
    """Whether this names what somebody joined with: `iPhone`, `Ali’s iPad`, `SM-A125F`, `Galaxy A12`."""
    words = re.split(r"[\s_-]+", _OWNED.sub("", text).casefold())
    return words[0] in _DEVICES and all(word in _DEVICES or any(map(str.isdigit, word)) for word in words)


def _turned(name: str) -> str:
    """`Smith, Brian` the way it is spoken; what follows a comma as a degree goes."""
    parts = [part.strip() for part in name.split(",")]
    while len(parts) > 1 and parts[-1].casefold().rstrip(".") in _RANKS | {""}:
        parts.pop()
    if len(parts) == 2 and all(any(sign.isalpha() for sign in part) for part in parts):
        return f"{parts[1]} {parts[0]}"
    return ", ".join(parts)


def plain_name(name: str) -> str:
    """A name for comparing: NFC, one space between words, without case."""
    return " ".join(unicodedata.normalize("NFC", name).split()).casefold()
