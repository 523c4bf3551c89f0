"""The words of Microsoft Teams in its reports: headings, actions and roles in the languages known, and accounts."""

from __future__ import annotations

from lms.attendance.formats.headings import WORDS as COMMON
from lms.attendance.formats.headings import Vocabulary
from lms.attendance.formats.report import Report, ReportRow, SumRow

WORDS = COMMON.with_(
    {
        "name": ("full name", "name", "naam", "imię i nazwisko", "ad", "ad soyad"),
        "joined": (
            "first join", "join time", "first join time", "erster beitritt", "beitreten", "beitrittszeit",
            "primeiro ingresso", "primera unión", "hora de unión", "première participation", "heure d'arrivée",
            "primo accesso", "ora di ingresso", "tijd van deelname", "首次加入", "最初の参加", "参加時間",
        ),
        "left": (
            "last leave", "leave time", "last leave time", "letztes verlassen", "verlassen", "verlassenszeit",
            "última saída", "última salida", "hora de salida", "dernier départ", "heure de départ", "ultima uscita",
            "ora di uscita", "tijd van vertrek", "最后离开", "最後の退出", "退出時間",
        ),
        "duration": (
            "in-meeting duration", "duration", "dauer", "dauer der besprechung", "duração na reunião", "duración",
            "duración en la reunión", "durée", "durata", "duur", "会议持续时间", "会議中の期間", "期間",
        ),
        "registrant": (
            "participant id (upn)", "teilnehmer-id (upn)", "id do participante (upn)", "id. de participante (upn)",
            "id du participant (upn)", "参与者 id (upn)", "参加者 id (upn)",
        ),
        "role": ("role", "função", "función", "ruolo", "役割"),
        "action": (
            "user action", "action", "benutzeraktion", "aktion", "atividade", "ação do usuário", "acción del usuario",
            "acción de usuario", "action de l'utilisateur", "azione utente", "gebruikersactie", "用户操作",
            "действие пользователя",
        ),
        "moment": (
            "timestamp", "zeitstempel", "carimbo de data/hora", "marca de tiempo", "horodatage", "时间戳",
            "タイムスタンプ", "метка времени", "utceventtimestamp", "utc event timestamp",
        ),
        "session": ("sessionid", "session id"),
        "participant": ("participantid", "participant id"),
    }
)  # fmt: skip
"""Headings of every generation."""

SUMMARY = Vocabulary(
    {
        "title": ("meeting title", "besprechungstitel", "título da reunião", "título de la reunión",
                  "titre de la réunion", "titolo riunione", "会议标题", "会議のタイトル"),
        "meeting": ("meeting id", "besprechungs-id", "id da reunião", "id de la reunión"),
    }
)  # fmt: skip
STAY_WORDS = Vocabulary(
    {
        "summary": ("meeting summary", "besprechungszusammenfassung", "resumo da reunião", "resumen de la reunión",
                    "résumé de la réunion", "total number of participants", "meeting start time"),
    }
)  # fmt: skip
"""What stands above the stays in the report of 2021."""

_JOINED = (
    "joined", "joined before", "beigetreten", "vorher beigetreten", "ingressou", "ingressou antes", "entrou",
    "entrou antes", "entrou antes de", "se unió", "se unió antes", "a rejoint", "a rejoint avant", "partecipa",
    "ha partecipato", "deelgenomen", "已加入", "之前已加入", "参加しました", "参加済み",
    "присоединился", "присоединилась",
)  # fmt: skip
_LEFT = (
    "left", "verlassen", "hat verlassen", "saiu", "salió", "a quitté", "uscito", "ha abbandonato", "vertrokken",
    "已离开", "退出しました", "退出済み", "вышел", "вышла", "покинул", "покинула",
)  # fmt: skip
ACTIONS = Vocabulary({"joined": _JOINED, "left": _LEFT})
"""What people do in the lists."""

_HOSTS = ("organi", "co-organi", "coorgani", "produce", "produtor", "productor", "开催者", "開催者", "组织者", "組織者",
          "организатор", "продюсер")  # fmt: skip
_PANEL = ("presenter", "presenta", "apresentador", "moderador", "moderator", "vortragend", "referent", "présentateur",
          "relatore", "演示者", "発表者", "докладчик", "выступающий")  # fmt: skip


def role_of(said: str) -> str:
    """The role that a cell says: host (who organises or produces), panelist (who presents), attendee, or nothing."""
    said = said.casefold()
    if not said:
        return ""
    if said.startswith(_HOSTS):
        return "host"
    return "panelist" if said.startswith(_PANEL) else "attendee"


def settle_presenters(report: Report) -> None:
    """Everybody in a meeting may present unless its organiser says otherwise: where nobody is said to attend, those
    who may present are those who attend."""
    people: list[ReportRow | SumRow] = [*report.rows, *report.sums]
    if any(one.role == "attendee" for one in people):
        return
    for one in people:
        if one.role == "panelist":
            one.role = "attendee"


def address(upn: str) -> str:
    """The e-mail address that an account's name holds: itself, or that of a guest, `ada_home.example#EXT#@org.example`
    (the last `_` is the @; a domain has none). Nothing where there is none."""
    guest, mark, _host = upn.partition("#EXT#")
    if mark:
        local, _mark, domain = guest.rpartition("_")
        return f"{local}@{domain}" if local and "." in domain else ""
    return upn if "@" in upn and "#" not in upn and " " not in upn else ""


def account(upn: str) -> str:
    """The account's name where it is no address."""
    return "" if address(upn) == upn else upn
