"""The vocabulary of reports: headings by field, yes and no, roles, and what people do, in many languages.

The headings themselves are in `words_of_people` and `words_of_times`.
"""

from collections.abc import Mapping

from lms.attendance_imports.readers.headings import Vocabulary, plain
from lms.attendance_imports.readers.words_of_people import (
    EMAIL,
    FIRST_NAME,
    GUEST,
    LAST_NAME,
    NAME,
    PEOPLE,
    REGISTRANT,
    ROLE,
    WAITING,
    Languages,
)
from lms.attendance_imports.readers.words_of_times import (
    ACTION,
    DATE,
    DURATION,
    JOINED,
    JOINS,
    LASTED,
    LEFT,
    MOMENT,
    OTHER,
)

_FIELDS: Mapping[str, Languages] = {
    "email": EMAIL,
    "name": NAME,
    "first_name": FIRST_NAME,
    "last_name": LAST_NAME,
    "joined": JOINED,
    "left": LEFT,
    "duration": DURATION,
    "date": DATE,
    "joins": JOINS,
    "registrant": REGISTRANT,
    "role": ROLE,
    "guest": GUEST,
    "waiting": WAITING,
    "people": PEOPLE,
    "lasted": LASTED,
    "action": ACTION,
    "moment": MOMENT,
    "other": OTHER,
}


def words_of(languages: Languages) -> tuple[str, ...]:
    """The words of all languages."""
    return tuple(word.strip() for words in languages.values() for word in words.split(","))


ALL = Vocabulary({field: words_of(languages) for field, languages in _FIELDS.items()})
"""Every field of reports of any system."""
WORDS = ALL.without("action", "moment")
"""What the lists of stays and sums have in common."""

_YES = (
    "yes y true 1 是 有 sí oui ja j sim да так tak evet نعم بله כן はい 예 네 có ya ใช่ kyllä ano igen da ναι हाँ "
    "हां wahr "
    "vrai verdadero vero verdadeiro истина waar prawda doğru صحيح 真"
)
_NO = (
    "no n false 0 否 不 无 non nein não nee нет ні nie hayır لا خیر לא いいえ 아니요 아니오 không tidak bukan "
    "ไม่ใช่ ไม่ nej "
    "nei ei ne nem nu όχι नहीं falsch faux falso ложь onwaar fałsz yanlış خطأ 假 无"
)
_ANSWERS = {**{plain(word): False for word in _NO.split()}, **{plain(word): True for word in _YES.split()}}


def is_yes(word: str) -> bool | None:
    """Returns what a cell answers; None where it is neither yes nor no."""
    return _ANSWERS.get(plain(word))


_TRUE = "true wahr vrai verdadero vero verdadeiro истина waar prawda doğru صحيح 真 moderator moderatorin"
_FALSE = "false falsch faux falso ложь onwaar fałsz yanlış خطأ 假 viewer zuschauer teilnehmer"
_TRUTHS = {**{plain(word): False for word in _FALSE.split()}, **{plain(word): True for word in _TRUE.split()}}


def moderates(word: str) -> bool | None:
    """Whether somebody moderates, as a spreadsheet writes what is true; None where a cell says neither."""
    return _TRUTHS.get(plain(word))


_HOSTS = (
    "host", "co-host", "cohost", "organi", "co-organi", "coorgani", "produ", "anfitri", "coanfitri", "gastgeber",
    "hôte",
    "prowadzący", "организатор", "продюсер", "düzenley", "المنظم", "منظم", "مضيف", "主持人", "联席主持人", "聯席主持人",
    "創建者", "创建者", "会议创建者", "开催者", "開催者", "主催者", "组织者", "組織者", "发起人", "召集人",
    "이끌이", "호스트", "주최자",
    "người tổ chức", "penyelenggara", "arrangör", "arrangør", "järjestäjä", "creator",
)  # fmt: skip
_PANEL = (
    "panel", "presenter", "presenta", "présenta", "apresentador", "moderador", "moderator", "vortragend", "referent",
    "relatore", "painelista", "guest speaker", "докладчик", "выступающий", "sunucu", "المقدم", "مقدم", "演示者",
    "発表者",
    "嘉宾", "嘉賓", "同传", "パネリスト", "簡報者", "발표자", "người trình bày", "penyaji", "prezenter",
    "presentatör", "esittäjä",
)  # fmt: skip


def role_of(word: str) -> str:
    """The role that a cell says: host (who organises or produces), panelist (who presents), attendee, or nothing."""
    word = word.casefold()
    if not word:
        return ""
    if word.startswith(_HOSTS):
        return "host"
    return "panelist" if word.startswith(_PANEL) else "attendee"


_JOINING = (
    "joined, joined before, se unió, se unió antes, unido, unido antes, ingressou, ingressou antes, entrou, entrou "
    "antes, "
    "entrou antes de, a rejoint, a rejoint avant, a participé, beigetreten, vorher beigetreten, teilgenommen, "
    "partecipa, "
    "ha partecipato, partecipazione, accesso effettuato, aggiunto, deelgenomen, neemt deel, toegetreden, "
    "dołączył, dołączył(a), dołączył(a) wcześniej, dołączono, присоединился, присоединилась, присоединился ранее, "
    "вошел, вошла, приєднався, приєдналася, katıldı, daha önce katıldı, انضم, انضم قبل, انضمت, تم الانضمام, منضم, "
    "پیوست, وارد شد, 已加入, 之前已加入, 加入, 参加しました, 参加済み, 参加, 참가함, 참가, 이전에 참가함, 참여함, "
    "đã tham gia, "
    "đã tham gia trước, bergabung, bergabung sebelum, anslöt, anslöt tidigare, deltog, ble med, liittyi, připojil se, "
    "csatlakozott, s-a alăturat, συμμετείχε, הצטרף"
)
_LEAVING = (
    "left, salió, abandonó, saiu, a quitté, est parti, verlassen, hat verlassen, uscito, ha abbandonato, uscita, "
    "ha lasciato, vertrokken, verlaten, opuścił, opuścił(a), wyszedł, вышел, вышла, покинул, покинула, ушел, вийшов, "
    "вийшла, ayrıldı, غادر, غادرت, خرج, تمت المغادرة, ترک کرد, خارج شد, 已离开, 已離開, 离开, 退出しました, "
    "退出済み, 退出, 나감, 나갔음, "
    "퇴장, đã rời khỏi, đã rời đi, keluar, meninggalkan, lämnade, forlod, forlot, poistui, odešel, kilépett, a plecat, "
    "αποχώρησε, עזב"
)
ACTIONS = Vocabulary({"joined": _JOINING.split(","), "left": _LEAVING.split(",")})
"""What people do in lists of joins and leaves."""
