"""Headings as files write them, recognised loosely: without regard to case, spaces, marks and brackets, in the
languages in which meeting systems write their reports."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lms.attendance.formats.sheets import Document

_LONGEST = 200
"""No heading is longer; looking for brackets in one that is would take its length squared."""
_BRACKETED = re.compile(r"[(（\[][^)）\]]*[)）\]]")


@lru_cache(maxsize=4096)
def plain(heading: str) -> str:
    """A heading for comparing: its letters and figures only, without case and accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", heading).casefold() if sign.isalnum())


class Vocabulary:
    """The names under which fields stand in headings."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.fields = {name: tuple(words) for name, words in fields.items()}
        self._known: dict[str, str] = {}
        for name, words in self.fields.items():
            for word in words:
                self._known.setdefault(plain(word), name)

    def field(self, heading: str) -> str | None:
        """What a heading means: as it stands, else without what is in brackets."""
        if len(heading) > _LONGEST:
            return None
        found = self._known.get(plain(heading))
        if found is None and heading:
            found = self._known.get(plain(_BRACKETED.sub("", heading)) or "-")
        return found

    def only(self, *names: str) -> Vocabulary:
        """These fields alone."""
        return Vocabulary({name: self.fields[name] for name in names})

    def with_(self, fields: Mapping[str, Sequence[str]]) -> Vocabulary:
        """Further fields, or further names of those that are there; the further ones go first."""
        return Vocabulary({**fields, **{name: (*fields.get(name, ()), *words) for name, words in self.fields.items()}})


@dataclass(frozen=True)
class Heading:
    """A line of headings: `place` in the document's lines, its number in the file, its cells, and the column (from 0)
    of each field that was recognised; `unknown` are the others."""

    place: int
    line: int
    cells: list[str]
    columns: dict[str, int]

    @property
    def unknown(self) -> list[str]:
        """The headings that mean nothing here."""
        known = set(self.columns.values())
        return [cell for index, cell in enumerate(self.cells) if cell and index not in known]

    @property
    def width(self) -> int:
        """How many columns have a heading, the empty ones at the end left out."""
        return max((index + 1 for index, cell in enumerate(self.cells) if cell), default=0)

    def cell(self, row: Sequence[str], field: str) -> str:
        """What a row says under a field; nothing where the row ends before, or there is no such column."""
        index = self.columns.get(field)
        return row[index] if index is not None and index < len(row) else ""

    def words(self, field: str) -> str:
        """The heading of a field as the file writes it."""
        index = self.columns.get(field)
        return self.cells[index] if index is not None else field


def heading_at(document: Document, place: int, vocabulary: Vocabulary, *, last: bool = False) -> Heading:
    """The line at a place, taken for headings; of two columns of one field the first counts, or the `last`."""
    line, cells = document.lines[place]
    columns: dict[str, int] = {}
    for index, cell in enumerate(cells):
        field = vocabulary.field(cell)
        if field is not None and (last or field not in columns):
            columns[field] = index
    return Heading(place, line, cells, columns)


def find_heading(
    document: Document, vocabulary: Vocabulary, *needed: Collection[str], start: int = 0, within: int = 60
) -> Heading | None:
    """The first line from `start` on that has one of the `needed` sets of fields, below whatever preamble."""
    for place in range(start, min(start + within, len(document.lines))):
        found = heading_at(document, place, vocabulary)
        if any(found.columns.keys() >= set(fields) for fields in needed):
            return found
    return None


WORDS = Vocabulary(
    {
        "email": (
            "email", "e-mail", "email address", "user email", "attendee email", "participant email", "mail",
            "e-mail address", "correo", "correo electrónico", "dirección de correo electrónico", "adresse e-mail",
            "adresse électronique", "courriel", "e-mail-adresse", "endereço de e-mail", "indirizzo e-mail",
            "адрес электронной почты", "электронная почта", "البريد الإلكتروني", "邮箱", "电子邮件", "电子邮箱",
            "用户邮箱", "邮箱地址", "電子郵件", "メールアドレス", "メール", "이메일",
        ),
        "name": (
            "name", "full name", "full_name", "user name", "username", "display name", "participant",
            "participant name", "attendee", "attendee name", "name (original name)", "user name (original name)",
            "nombre", "nombre completo", "nom", "nom complet", "nom d'utilisateur", "vollständiger name", "nome",
            "nome completo", "имя", "полное имя", "имя пользователя", "الاسم", "الاسم الكامل", "姓名", "名称",
            "全名", "用户名", "用户昵称", "昵称", "名字", "名前", "氏名", "이름",
        ),
        "first_name": (
            "first name", "first_name", "given name", "prénom", "vorname", "nombre de pila", "primeiro nome", "名",
        ),
        "last_name": (
            "last name", "last_name", "surname", "family name", "nom de famille", "nachname", "apellido",
            "apellidos", "sobrenome", "姓", "姓氏",
        ),
        "joined": (
            "joined_at", "joined", "join time", "join", "time joined", "joined time", "first join",
            "first join time", "hora de entrada", "hora de ingreso", "hora de unión", "heure d'arrivée",
            "heure de connexion", "beitrittszeit", "beitrittszeitpunkt", "zeitpunkt des beitritts",
            "hora de ingresso", "ora di accesso", "время входа", "время присоединения", "وقت الانضمام", "加入时间",
            "入会时间", "首次入会时间", "進入時間", "加入時間", "参加時刻", "参加時間", "참가 시간",
        ),
        "left": (
            "left_at", "left", "leave time", "leave", "time left", "time exited", "left time", "last leave",
            "exit time", "last leave time", "hora de salida", "heure de départ", "heure de déconnexion",
            "verlassen um", "zeitpunkt des verlassens", "austrittszeit", "hora de saída", "ora di uscita",
            "время выхода", "وقت المغادرة", "离开时间", "退会时间", "最后退会时间", "離開時間", "退出時刻",
            "退出時間", "나간 시간",
        ),
        "duration": (
            "duration", "time in session", "attendance duration", "in-meeting duration", "total duration", "minutes",
            "duration (minutes)", "time in session (minutes)", "total duration (minutes)", "time in meeting",
            "duración", "duración (minutos)", "durée", "durée (minutes)", "dauer", "dauer (minuten)", "duração",
            "duração (minutos)", "durata", "durata (minuti)", "продолжительность", "продолжительность (минуты)",
            "длительность", "المدة", "المدة (بالدقائق)", "时长", "持续时间", "累计参会时长", "时长(分钟)",
            "時間長度", "期間", "時間（分）", "기간(분)",
        ),
        "joins": (
            "joins", "number of joins", "times joined", "join count", "入会次数",
        ),
        "registrant": (
            "registrant id", "registrant_id", "participant id", "customer key", "user id", "upn",
        ),
        "role": (
            "role", "participant role", "身份", "角色", "rol", "rôle", "rolle", "роль",
        ),
    }
)  # fmt: skip
"""The fields that reports of any system have in common."""
