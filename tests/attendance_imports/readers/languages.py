"""Reports of one invented lecture in the languages in which Zoom and Teams write their headings, generated from a
table.

The lecture was given from 16:00 to 17:30. Amina waited from 15:50 to 16:10, was there from 16:10 to 16:40, and
came back
from 17:00 to 17:40: 30 + 30 = 60 minutes. Bruno was there from 15:58 to 17:35: 90 minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.attendance_imports.readers.samples import table

LECTURE = ("2026-10-25T16:00:00+03:00", "2026-10-25T17:30:00+03:00")
NAIROBI = "Africa/Nairobi"
AMINA, BRUNO = "amina@trade.example", "bruno@trade.example"
BY_HAND = {AMINA: 60.0, BRUNO: 90.0}
STAYS = [("Amina Wanjiru", AMINA, "16:10", "16:40", 30), ("Amina Wanjiru", AMINA, "17:00", "17:40", 40),
         ("Bruno Costa", BRUNO, "15:58", "17:35", 97)]  # fmt: skip

ZOOM: dict[str, tuple[list[str], str, str]] = {
    "en": (["Name (original name)", "Email", "Join time", "Leave time", "Duration (minutes)", "Guest",
            "In waiting room"], "Yes", "No"),
    "es": (["Nombre (nombre original)", "E-mail del usuario", "Hora para unirse", "Hora para salir",
            "Duración (minutos)", "Invitado", "En sala de espera"], "Sí", "No"),
    "es, newer": (["Nombre (nombre original)", "Correo electrónico", "Hora de entrada", "Hora de salida",
                   "Duración (minutos)", "Invitado", "En sala de espera"], "Sí", "No"),
    "pt": (["Nome (nome original)", "E-mail", "Ingressar na hora", "Hora de saída", "Duração (minutos)", "Convidado",
            "Na sala de espera"], "Sim", "Não"),
    "fr": (["Nom (nom original)", "Adresse e-mail de l’utilisateur", "Heure d’arrivée", "Heure de départ",
            "Durée (minutes)", "Invité", "Salle d’attente"], "Oui", "Non"),
    "de": (["Name (Originalname)", "Benutzer-E-Mail", "Beitrittszeit", "Verlassenszeit", "Dauer (Minuten)", "Gast",
            "Im Warteraum"], "Ja", "Nein"),
    "it": (["Nome (nome originale)", "E-mail", "Ora di ingresso", "Ora di uscita", "Durata (minuti)", "Guest",
            "In sala d'attesa"], "Sì", "No"),
    "nl": (["Naam (oorspronkelijke naam)", "E-mail gebruiker", "Deelnametijd", "Tijd van vertrek", "Duur (minuten)",
            "Gast", "In wachtkamer"], "Ja", "Nee"),
    "pl": (["Nazwa (oryginalna nazwa)", "Adres e-mail użytkownika", "Czas dołączenia", "Czas opuszczenia",
            "Czas trwania (minuty)", "Gość", "W poczekalni"], "Tak", "Nie"),
    "ru": (["Имя (настоящее имя)", "Электронная почта пользователя", "Время входа", "Время выхода",
            "Продолжительность (минуты)", "Гость", "В зале ожидания"], "Да", "Нет"),
    "tr": (["Ad (Orijinal Ad)", "Kullanıcı E-postası", "Katılma Zamanı", "Ayrılma Zamanı", "Süre (Dakika)", "Konuk",
            "Bekleme Odasında"], "Evet", "Hayır"),
    "ar": (["الاسم (الاسم الأصلي)", "البريد الإلكتروني للمستخدم", "وقت الانضمام", "وقت المغادرة", "المدة (دقائق)",
            "ضيف", "في غرفة الانتظار"], "نعم", "لا"),
    "fa": (["نام (نام اصلی)", "ایمیل کاربر", "زمان ورود", "زمان خروج", "مدت (دقیقه)", "مهمان", "در اتاق انتظار"],
           "بله", "خیر"),
    "zh": (["姓名（原始名称）", "用户邮箱", "加入时间", "离开时间", "时长（分钟）", "访客", "在等候室"], "是", "否"),
    "zh-Hant": (["名稱（原始名稱）", "使用者電子郵件", "加入時間", "離開時間", "持續時間（分鐘）", "訪客",
                 "在等候室"], "是", "否"),
    "ja": (["名前（元の名前）", "ユーザーメール", "参加時刻", "退出時刻", "時間（分）", "ゲスト", "待機室"],
            "はい", "いいえ"),
    "ko": (["이름(원래 이름)", "사용자 이메일", "참가 시간", "나간 시간", "기간(분)", "게스트", "대기실에 있음"],
            "예", "아니요"),
    "vi": (["Tên (Tên gốc)", "Email người dùng", "Thời gian vào", "Thời gian ra", "Thời gian (Phút)", "Khách",
            "Trong phòng chờ"], "Có", "Không"),
    "id": (["Nama (nama asli)", "Email", "Waktu bergabung", "Waktu keluar", "Durasi (menit)", "Tamu",
            "Di ruang tunggu"], "Ya", "Tidak"),
}  # fmt: skip
"""Zoom's headings, and its words for yes and no."""

Write = Callable[[str], str]


def _named(form: str) -> Write:
    return lambda clock: datetime.fromisoformat(f"2026-10-25T{clock}").strftime(form)


def zoom(language: str, write: Write | None = None) -> bytes:
    """A list of participants with a row of the waiting room, times without seconds."""
    write = write or _named("%d/%m/%Y %H:%M")
    headings, yes, no = ZOOM[language]
    rows = [["Amina Wanjiru", AMINA, write("15:50"), write("16:10"), 20, yes, yes]]
    rows += [[name, email, write(a), write(b), minutes, yes, no] for name, email, a, b, minutes in STAYS]
    return table([headings, *rows]).encode()


ZOOM_TIMES: dict[str, Write] = {
    "us": _named("%m/%d/%Y %I:%M:%S %p"),
    "iso": _named("%Y-%m-%d %H:%M:%S"),
    "ar": lambda clock: "\u200f" + _named("%d\u200f/%m\u200f/%Y، %I:%M:%S ")(clock) + "م" if clock >= "12" else "",
    "fa digits": lambda clock: _named("%Y/%m/%d %H:%M")(clock).translate(
        {ord(str(n)): chr(0x6F0 + n) for n in range(10)}
    ),
    "ja": _named("%Y年%m月%d日 %H:%M"),
    "ko": lambda clock: _named("%Y. %m. %d. 오후 ")(clock) + f"{int(clock[:2]) - 12}:{clock[3:]}",
    "ru": lambda clock: f"25 октября 2026 г., {clock}",
    "es": lambda clock: f"25 de octubre de 2026 {clock}",
}
"""Ways of writing a time of an afternoon."""

TEAMS: dict[str, tuple[list[str], list[str], list[str], tuple[str, str], tuple[str, str]]] = {
    "en": (["1. Summary", "2. Participants", "3. In-Meeting Activities"],
           ["Name", "First Join", "Last Leave", "In-Meeting Duration", "Email", "Participant ID (UPN)", "Role"],
           ["Name", "Join Time", "Leave Time", "Duration", "Email", "Role"], ("Joined", "Left"),
           ("Organizer", "Attendee")),
    "de": (["1. Zusammenfassung", "2. Teilnehmer", "3. Aktivitäten in der Besprechung"],
           ["Name", "Erster Beitritt", "Letztes Verlassen", "Dauer der Besprechung", "E-Mail", "Teilnehmer-ID (UPN)",
            "Rolle"],
           ["Name", "Beitrittszeit", "Verlassenszeit", "Dauer", "E-Mail", "Rolle"], ("Beigetreten", "Verlassen"),
           ("Organisator", "Teilnehmer")),
    "es": (["1. Resumen", "2. Participantes", "3. Actividades en la reunión"],
           ["Nombre", "Primera unión", "Última salida", "Duración en la reunión", "Correo electrónico",
            "Id. de participante (UPN)", "Rol"],
           ["Nombre", "Hora de unión", "Hora de salida", "Duración", "Correo electrónico", "Rol"],
           ("Se unió", "Salió"), ("Organizador", "Asistente")),
    "pt": (["1. Resumo", "2. Participantes", "3. Atividades em Reunião"],
           ["Nome", "Primeira Entrada", "Última Saída", "Duração da Reunião", "Email", "ID do participante (UPN)",
            "Função"],
           ["Nome", "Horário de Entrada", "Horário de Saída", "Duração", "Email", "Função"], ("Ingressou", "Saiu"),
           ("Organizador", "Participante")),
    "fr": (["1. Résumé", "2. Participants", "3. Activités dans la réunion"],
           ["Nom", "Première participation", "Dernier départ", "Durée de la réunion", "E-mail",
            "ID du participant (UPN)", "Rôle"],
           ["Nom", "Heure d'arrivée", "Heure de départ", "Durée", "E-mail", "Rôle"], ("A rejoint", "A quitté"),
           ("Organisateur", "Participant")),
    "it": (["1. Riepilogo", "2. Partecipanti", "3. Attività in riunione"],
           ["Nome", "Primo accesso", "Ultima uscita", "Durata in riunione", "E-mail", "ID partecipante (UPN)",
            "Ruolo"],
           ["Nome", "Ora di ingresso", "Ora di uscita", "Durata", "E-mail", "Ruolo"], ("Ha partecipato", "Uscito"),
           ("Organizzatore", "Partecipante")),
    "nl": (["1. Samenvatting", "2. Deelnemers", "3. Activiteiten tijdens vergadering"],
           ["Naam", "Eerste deelname", "Laatste vertrek", "Duur van deelname", "E-mail", "Deelnemer-id (UPN)", "Rol"],
           ["Naam", "Tijd van deelname", "Tijd van vertrek", "Duur", "E-mail", "Rol"],
           ("Deelgenomen", "Vertrokken"), ("Organisator", "Deelnemer")),
    "pl": (["1. Podsumowanie", "2. Uczestnicy", "3. Aktywności w trakcie spotkania"],
           ["Nazwa", "Pierwsze dołączenie", "Ostatnie wyjście", "Czas udziału w spotkaniu", "Adres e-mail",
            "Identyfikator uczestnika (UPN)", "Rola"],
           ["Nazwa", "Godzina dołączenia", "Godzina opuszczenia", "Czas trwania", "Adres e-mail", "Rola"],
           ("Dołączono", "Opuścił(a)"), ("Organizator", "Uczestnik")),
    "ru": (["1. Сводка", "2. Участники", "3. Действия на собрании"],
           ["Имя", "Первое присоединение", "Последний выход", "Длительность участия", "Электронная почта",
            "Идентификатор участника (UPN)", "Роль"],
           ["Имя", "Время присоединения", "Время выхода", "Длительность", "Электронная почта", "Роль"],
           ("Присоединился", "Покинул"), ("Организатор", "Участник")),
    "tr": (["1. Özet", "2. Katılımcılar", "3. Toplantı İçi Etkinlikler"],
           ["Ad", "İlk Katılım", "Son Ayrılma", "Toplantı İçi Süre", "E-posta", "Katılımcı Kimliği (UPN)", "Rol"],
           ["Ad", "Katılma Saati", "Ayrılma Saati", "Süre", "E-posta", "Rol"], ("Katıldı", "Ayrıldı"),
           ("Düzenleyen", "Katılımcı")),
    "ar": (["1. الملخص", "2. المشاركون", "3. الأنشطة داخل الاجتماع"],
           ["الاسم", "أول انضمام", "آخر مغادرة", "مدة الاجتماع", "البريد الإلكتروني", "معرف المشارك (UPN)", "الدور"],
           ["الاسم", "وقت الانضمام", "وقت المغادرة", "المدة", "البريد الإلكتروني", "الدور"], ("انضم", "غادر"),
           ("المنظم", "الحاضر")),
    "zh": (["1. 摘要", "2. 参与者", "3. 会议中活动"],
           ["名称", "首次加入", "最后离开", "会议持续时间", "电子邮件", "参与者 ID (UPN)", "角色"],
           ["名称", "加入时间", "离开时间", "持续时间", "电子邮件", "角色"], ("已加入", "已离开"), ("组织者",
           "与会者")),
    "ja": (["1. 概要", "2. 参加者", "3. 会議中のアクティビティ"],
           ["名前", "最初の参加", "最後の退出", "会議中の期間", "メール", "参加者 ID (UPN)", "役割"],
           ["名前", "参加時間", "退出時間", "期間", "メール", "役割"], ("参加しました", "退出しました"), ("開催者",
           "出席者")),
    "ko": (["1. 요약", "2. 참가자", "3. 회의 중 활동"],
           ["이름", "첫 참가", "마지막 나가기", "회의 중 기간", "메일", "참가자 ID(UPN)", "역할"],
           ["이름", "참가 시간", "나간 시간", "기간", "메일", "역할"], ("참가함", "나감"), ("이끌이", "참석자")),
    "vi": (["1. Tóm tắt", "2. Người tham gia", "3. Hoạt động trong cuộc họp"],
           ["Tên", "Lần tham gia đầu tiên", "Lần rời khỏi cuối cùng", "Thời lượng trong cuộc họp", "Email",
            "ID người tham gia (UPN)", "Vai trò"],
           ["Tên", "Thời gian tham gia", "Thời gian rời khỏi", "Thời lượng", "Email", "Vai trò"],
           ("Đã tham gia", "Đã rời khỏi"), ("Người tổ chức", "Người dự")),
    "id": (["1. Ringkasan", "2. Peserta", "3. Aktivitas dalam Rapat"],
           ["Nama", "Bergabung Pertama", "Terakhir Keluar", "Durasi Dalam Rapat", "Email", "ID Peserta (UPN)",
            "Peran"],
           ["Nama", "Waktu Bergabung", "Waktu Keluar", "Durasi", "Email", "Peran"], ("Bergabung", "Keluar"),
           ("Penyelenggara", "Hadirin")),
}  # fmt: skip
"""Teams: titles of parts, headings of the second and the third, what people do, roles."""


def teams(language: str, *, parts: tuple[int, ...] = (1, 2, 3), numbers: bool = True, people: int = 2) -> bytes:
    """The report in parts, some of which may be left out; Amina's sum is 70 minutes from 16:10 to 17:40."""
    titles, sums, stays, _actions, (host, attendee) = TEAMS[language]
    write = _named("%d/%m/%Y %H:%M:%S")
    rows: list[list[object]] = []

    def begin(number: int) -> None:
        rows.append([titles[number - 1] if numbers else titles[number - 1][3:]])

    if 1 in parts:
        begin(1)
        rows += [["Title", "Trade"], [PEOPLE[language], people], ["Begins", write("15:55")], ["Ends", write("17:45")]]
    if 2 in parts:
        begin(2)
        rows += [sums, ["Amina Wanjiru", write("16:10"), write("17:40"), "1h 10m", AMINA, AMINA, attendee],
                 ["Bruno Costa", write("15:58"), write("17:35"), "1h 37m", BRUNO, BRUNO, host]]  # fmt: skip
    if 3 in parts:
        begin(3)
        rows.append(stays)
        rows += [[name, write(a), write(b), f"{minutes}m", email, host if email == BRUNO else attendee]
                 for name, email, a, b, minutes in STAYS]  # fmt: skip
    return table(rows, "\t").encode("utf-16")


PEOPLE = {
    "en": "Attended participants", "de": "Teilnehmer", "es": "Participantes que asistieron",
    "pt": "Participantes presentes", "fr": "Nombre de participants", "it": "Numero di partecipanti",
    "nl": "Aantal deelnemers", "pl": "Liczba uczestników", "ru": "Количество участников",
    "tr": "Katılan katılımcılar", "ar": "عدد المشاركين", "zh": "已参加的参与者", "ja": "出席した参加者",
    "ko": "참석한 참가자", "vi": "Số người tham gia", "id": "Jumlah peserta",
}  # fmt: skip


def teams_list(language: str, *, heading: bool = True, torn: bool = False) -> bytes:
    """The list of who did what; without its heading line, or with the time torn from its date by a tab."""
    joined, left = TEAMS[language][3]
    write = _named("%d/%m/%Y,\t%H:%M:%S" if torn else "%d/%m/%Y, %H:%M:%S")
    lines = ["\t".join(["Full Name", "User Action", "Timestamp"])] if heading else []
    for name, _email, a, b, _minutes in STAYS:
        lines += [f"{name}\t{joined}\t{write(a)}", f"{name}\t{left}\t{write(b)}"]
    return "\r\n".join([*lines, ""]).encode("utf-16")
