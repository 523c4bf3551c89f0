"""GIFT, the text format of Moodle: reading, in a child process (`read_foreign`), and writing.

Moodle scores parts of an answer in percent; here an answer is right or not. Of one choice the answer with 100 % is
right, of several those with a positive share, of short texts and numbers those with 100 %. Part credits and the
feedback for single answers are not kept; the `notes` of a question say so.

A file has at most `MAX_QUESTIONS` questions of `MAX_LENGTH` characters and `MAX_TAGS` tags each.
"""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any

from lms.checks.models import QuestionKind
from lms.checks.questions import Definition, decimal_of
from lms.core.base.errors import Invalid
from lms.core.storage.tables import decode_unicode
from lms.core.text.i18n import _

MAX_QUESTIONS = 1000
MAX_LENGTH = 20_000
MAX_TAGS = 300
"""In one part of a question. Python's parser of HTML takes time in the square of what is never closed."""
_ESCAPED = re.compile(r"\\([~=#{}:\\]|n)")
_FORMAT = re.compile(r"^\[(html|moodle|plain|markdown)\]", re.IGNORECASE)
_WEIGHT = re.compile(r"^%(-?[0-9]{1,3}(?:\.[0-9]*)?)%")
_PLACE = 0xE000
"""The first of the private characters that stand for escaped ones while a question is taken apart."""
_SIGNS = "~=#{}:\\\n"
_LOST = re.compile("[\ue000-\uf8ff]")
BLANK = "_____"
SILENT = frozenset({"script", "style", "template", "iframe", "object", "svg", "noscript", "head", "title"})
BREAKS = frozenset({"p", "br", "div", "li", "ul", "ol", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "pre"})
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]\w*);")


class _Unreadable(Exception):
    """Why a question cannot be read, for the person who sent the file."""


def read(content: bytes) -> Iterator[dict[str, Any]]:
    """Each question of a file: `{line, kind, definition, notes}`, or `{line, fault}` for what cannot be read. Raises
    Invalid (`file`)."""
    text = _LOST.sub("", _decoded(content)).replace("\r\n", "\n").replace("\r", "\n")
    count = 0
    for line, block in _blocks(text):
        if block.startswith("$CATEGORY:"):
            continue
        count += 1
        if count > MAX_QUESTIONS:
            raise Invalid("file", _("The file has more than %(n)s questions. Split it.", n=MAX_QUESTIONS))
        try:
            kind, definition, notes = _question(block)
        except _Unreadable as error:
            yield {"line": line, "fault": str(error)}
        else:
            yield {"line": line, "kind": kind, "definition": definition, "notes": notes}
    if not count:
        raise Invalid("file", _("This file has no questions in the GIFT format."))


def _decoded(content: bytes) -> str:
    """UTF-8 or UTF-16, or the letters of Western Europe, which earlier versions of Moodle wrote."""
    text = decode_unicode(content)
    return content.decode("cp1252", "replace") if text is None else text


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each question: they are parted by empty lines outside of braces, and comments are left out."""
    lines: list[str] = []
    begun, depth = 1, 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("//"):
            continue
        if not line.strip() and depth <= 0:
            if lines:
                yield begun, "\n".join(lines).strip()
            lines, depth = [], 0
            continue
        if not lines:
            begun = number
        if line.startswith("$CATEGORY:"):
            if lines:
                yield begun, "\n".join(lines).strip()
                lines = []
            continue
        if line.startswith("::") and lines and depth > 0:  # a brace that was never closed ends with its question
            yield begun, "\n".join(lines).strip()
            lines, begun, depth = [], number, 0
        lines.append(line)
        bare = _ESCAPED.sub("", line)
        depth += bare.count("{") - bare.count("}")
    if lines:
        yield begun, "\n".join(lines).strip()


def _question(block: str) -> tuple[QuestionKind, Definition, list[str]]:
    if len(block) > MAX_LENGTH:
        raise _Unreadable(_("A question can have %(n)s characters at most.", n=MAX_LENGTH))
    text = _ESCAPED.sub(lambda match: chr(_PLACE + _SIGNS.index("\n" if match[1] == "n" else match[1])), block)
    title = ""
    if text.startswith("::"):
        title, closed, rest = text[2:].partition("::")
        title, text = (title, rest.strip()) if closed else ("", text)
    start, end = text.find("{"), text.find("}")
    if start < 0 and end < 0:
        raise _Unreadable(_("This is a text without a question: it has no answers in braces."))
    if start < 0 or end < start:
        raise _Unreadable(_("A brace is missing."))
    answers, tail = text[start + 1 : end].strip(), text[end + 1 :].rstrip('"; \n')
    if "{" in tail or "}" in tail:
        raise _Unreadable(_("A question can have answers in one place only."))
    question = text[:start] + (BLANK + tail if tail.strip() else "")
    answers, _general, explanation = answers.partition("####")
    kind, parts, notes = _answers(answers.strip())
    definition = {"title": _words(title), "text": _words(question), "explanation": _words(explanation), **parts}
    return kind, definition, notes


def _words(text: str) -> str:
    """The words of a part, without its format and with escaped characters in their place."""
    text = text.strip()
    match = _FORMAT.match(text)
    body = text[match.end() :] if match else text
    words = _words_in(body) if not match or match[1].lower() in ("html", "moodle") else body
    return "".join(
        _SIGNS[ord(char) - _PLACE] if 0 <= ord(char) - _PLACE < len(_SIGNS) else char for char in words
    ).strip()


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        if tag in SILENT:
            self._silent += 1
        elif tag in BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def _words_in(text: str) -> str:
    """Plain words of a text with HTML in it: tags go, and with them everything that could run; text without HTML as it
    is."""
    if not _TAG.search(text):
        return text.strip()
    if text.count("<") > MAX_TAGS:
        raise _Unreadable(_("A text can have %(n)s HTML tags at most.", n=MAX_TAGS))
    parser = _Words()
    try:
        parser.feed(text)
        parser.close()
    except AssertionError as error:  # of a declaration that is none
        raise _Unreadable(_("The HTML of this question cannot be read.")) from error
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)


def _answers(text: str) -> tuple[QuestionKind, dict[str, Any], list[str]]:
    """The kind and parts of a question, and what of its answers is not kept."""
    if not text:
        raise _Unreadable(_("Essays cannot be marked by the system."))
    if text.startswith("#"):
        return QuestionKind.NUMBER, _number(text[1:].strip()), _notes(text[1:], QuestionKind.NUMBER)
    if "~" in text:
        kind, parts = _choices(text)
        return kind, parts, _notes(text, kind)
    if "=" in text and "->" in text:
        return QuestionKind.MATCHING, _pairs(text), _notes(text, QuestionKind.MATCHING)
    head = text.partition("#")[0].strip().upper()
    if head in ("T", "TRUE", "F", "FALSE"):
        return QuestionKind.TRUE_FALSE, {"is_true": head.startswith("T")}, _notes(text, QuestionKind.TRUE_FALSE)
    forms = [_words(answer) for weight, answer in _weighted(text) if weight == 100]
    if not forms:
        raise _Unreadable(_("No answer is right."))
    parts = {"forms": list(dict.fromkeys(forms)), "is_case_sensitive": False}
    return QuestionKind.SHORT_TEXT, parts, _notes(text, QuestionKind.SHORT_TEXT)


def _notes(text: str, kind: QuestionKind) -> list[str]:
    """Returns what of the answers is not kept, in words: feedback for one of them, and shares between none and all."""
    notes = []
    if any(comment.strip() for comment in re.findall(r"#([^~=#]*)", text)):
        notes.append(_("The feedback for each answer is left out."))
    shares = {float(share) for share in re.findall(r"[~=]\s*%(-?[0-9]{1,3}(?:\.[0-9]*)?)%", text)}
    partial = {share for share in shares if 0 < share < 100}
    if kind is QuestionKind.SEVERAL and len(partial) > 1:
        notes.append(_("Part credits are left out: each answer with a positive share is right, and all of them count."))
    elif kind is not QuestionKind.SEVERAL and partial:
        notes.append(_("Part credits are left out: only answers with 100% are right."))
    return notes


def _weighted(text: str) -> Iterator[tuple[float, str]]:
    """(share in percent, answer without its comment) of each answer."""
    for part in re.findall(r"[~=][^~=]*", text):
        body = part[1:].strip()
        weight = 100.0 if part[0] == "=" else 0.0
        if match := _WEIGHT.match(body):
            weight, body = float(match[1]), body[match.end() :]
        yield weight, body.partition("#")[0].strip()


def _choices(text: str) -> tuple[QuestionKind, dict[str, Any]]:
    answers = list(_weighted(text))
    is_one = "=" in text
    right = [number for number, (weight, _answer) in enumerate(answers) if (weight == 100 if is_one else weight > 0)]
    kind = QuestionKind.ONE if is_one or (len(right) == 1 and answers[right[0]][0] == 100) else QuestionKind.SEVERAL
    if kind is QuestionKind.ONE and len(right) > 1:
        kind = QuestionKind.SEVERAL
    return kind, {"options": [_words(answer) for _weight, answer in answers], "right": right}


def _pairs(text: str) -> dict[str, Any]:
    options, matches, others = [], [], []
    for _weight, pair in _weighted(text):
        left, arrow, right = pair.partition("->")
        if not arrow:
            raise _Unreadable(_("A pair has no arrow (->)."))
        if _words(left):
            options.append(_words(left))
            matches.append(_words(right))
        else:
            others.append(_words(right))
    return {"options": options, "matches": [*matches, *others]}


def _number(text: str) -> dict[str, Any]:
    if "=" in text:
        text = next((answer for weight, answer in _weighted(text) if weight == 100), "")
    text = text.partition("~")[0].partition("#")[0].strip()
    first, dots, last = text.partition("..")
    if dots:
        low, high = decimal_of(first), decimal_of(last)
        if low is None or high is None or high < low:
            raise _Unreadable(_("“%(text)s” is not a range of numbers.", text=text[:100]))
        return {"value": str((low + high) / 2), "tolerance": str((high - low) / 2)}
    value, _colon, tolerance = text.partition(":")
    number, margin = decimal_of(value), decimal_of(tolerance or 0)
    if number is None or margin is None:
        raise _Unreadable(_("“%(text)s” is not a number.", text=text[:100]))
    return {"value": str(number), "tolerance": str(margin)}


def write(questions: Iterable[tuple[QuestionKind, Definition]]) -> tuple[str, list[str]]:
    """The text of a file, and the names of questions that the format has no kind for."""
    blocks, left_out = [], []
    for kind, definition in questions:
        answers = _written(kind, definition)
        if answers is None:
            left_out.append(definition["title"] or definition["text"])
            continue
        title = f"::{_escaped(definition['title'])}::" if definition["title"] else ""
        why = f"\n\t####{_part(definition['explanation'])}" if definition["explanation"] else ""
        blocks.append(f"{title}[plain]{_escaped(definition['text'])}{{{answers}{why}\n}}\n")
    return "\n".join(blocks), left_out


def _written(kind: QuestionKind, definition: Definition) -> str | None:
    match kind:
        case QuestionKind.ONE:
            right = set(definition["right"])
            options = enumerate(definition["options"])
            return "".join(f"\n\t{'=' if number in right else '~'}{_part(text)}" for number, text in options)
        case QuestionKind.SEVERAL:
            right = set(definition["right"])
            share, others = 100 / len(right), len(definition["options"]) - len(right)
            weights = (f"%{share:.5g}%", f"%{-100 / others if others else 0:.5g}%")
            options = enumerate(definition["options"])
            return "".join(f"\n\t~{weights[number not in right]}{_part(text)}" for number, text in options)
        case QuestionKind.TRUE_FALSE:
            return "TRUE" if definition["is_true"] else "FALSE"
        case QuestionKind.NUMBER:
            return f"#{definition['value']}:{definition['tolerance']}"
        case QuestionKind.SHORT_TEXT:
            return "".join(f"\n\t={_part(form)}" for form in definition["forms"])
        case QuestionKind.MATCHING:
            pairs = list(zip(definition["options"], definition["matches"], strict=False))
            others = definition["matches"][len(definition["options"]) :]
            lines = [f"\n\t={_part(left)} -> {_part(match)}" for left, match in pairs]
            return "".join([*lines, *(f"\n\t= -> {_part(match)}" for match in others)])
    return None


def _part(text: str) -> str:
    """An answer or explanation, marked as plain text where it looks like HTML or begins with a format."""
    return f"[plain]{_escaped(text)}" if _TAG.search(text) or _FORMAT.match(text) else _escaped(text)


def _escaped(text: str) -> str:
    return re.sub(r"([~=#{}:\\])", r"\\\1", text).replace("\n", "\\n")
