"""The words of Microsoft Teams that no other system has: titles of parts and lines of the summary. And its accounts."""

from lms.attendance_imports.readers.headings import Vocabulary
from lms.attendance_imports.readers.report import Report, ReportRow, SumRow
from lms.attendance_imports.readers.vocabulary import ALL, words_of
from lms.attendance_imports.readers.words_of_people import PEOPLE
from lms.attendance_imports.readers.words_of_times import LASTED

WORDS = ALL.with_({"session": ("sessionid", "session id"), "participant": ("participantid", "participant id")})
"""Headings of every generation."""

SUMMARY = Vocabulary(
    {
        "title": ("meeting title", "besprechungstitel", "título da reunião", "título de la reunión",
                  "titre de la réunion", "titolo riunione", "titolo della riunione", "titel van vergadering",
                  "tytuł spotkania", "название собрания", "toplantı başlığı", "عنوان الاجتماع", "会议标题", "會議標題",
                  "会議のタイトル", "모임 제목", "tiêu đề cuộc họp", "judul rapat", "mötesrubrik"),
        "meeting": ("meeting id", "besprechungs-id", "id da reunião", "id de la reunión", "id de réunion"),
        "people": words_of(PEOPLE),
        "lasted": words_of(LASTED),
    }
)  # fmt: skip
STAY_WORDS = Vocabulary(
    {
        "summary": ("meeting summary", "besprechungszusammenfassung", "resumo da reunião", "resumen de la reunión",
                    "résumé de la réunion", "riepilogo della riunione", "total number of participants",
                    "meeting start time", "sammanfattning av möte", "сводка собрания", "会议摘要", "会議の概要"),
    }
)  # fmt: skip
"""The first words above the stays in the report of 2021."""
TITLES = Vocabulary(
    {
        "participants": ("participants", "teilnehmer", "participantes", "partecipanti", "deelnemers", "uczestnicy",
                         "участники", "katılımcılar", "المشاركون", "参与者", "參與者", "参加者", "참가자", "người "
                         "tham gia",
                         "peserta", "deltagare", "deltagere", "osallistujat", "účastníci", "résztvevők",
                         "participanți"),
        "activities": ("in-meeting activities", "meeting activities", "aktivitäten in der besprechung",
                       "atividades na reunião", "atividades em reunião", "actividades en la reunión",
                       "activités dans la réunion", "activités au cours de la réunion", "attività nella riunione",
                       "attività in riunione", "activiteiten tijdens vergadering", "activiteiten in vergadering",
                       "aktywności w trakcie spotkania", "действия на собрании", "toplantı içi etkinlikler",
                       "الأنشطة داخل الاجتماع", "أنشطة الاجتماع", "会议中活动", "会议活动", "會議中活動",
                       "会議中のアクティビティ", "모임 중 활동", "회의 중 활동", "hoạt động trong cuộc họp",
                       "aktivitas dalam rapat",
                       "aktiviteter under mötet"),
    }
)  # fmt: skip
"""The titles of parts, where they have no numbers."""


def settle_presenters(report: Report) -> None:
    """Everyone in a meeting may present unless its organiser restricts it: where nobody is an attendee, presenters are
    attendees.
    """
    people: list[ReportRow | SumRow] = [*report.rows, *report.sums]
    if any(one.role == "attendee" for one in people):
        return
    for person in people:
        if person.role == "panelist":
            person.role = "attendee"


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
