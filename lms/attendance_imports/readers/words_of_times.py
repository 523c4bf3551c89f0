"""Headings about time, by language: when people came and left, and how long they stayed; and what is of no use here.

Words of one language are separated by commas; they are compared without case, accents, spaces and punctuation.
"""

from collections.abc import Mapping

Languages = Mapping[str, str]

JOINED: Languages = {
    "en": "joined_at, joined, join time, join, time joined, joined time, joined at, first join, first join time, "
    "time in, check-in, check-in time, arrival, arrival time, entry time, entered, entered at, login time, "
    "joined on, in time, time of joining, joining time, time of arrival, time entered, attendance started at, "
    "join date, first joined, join timestamp, start of attendance, join date time, first seen, first seen at",
    "es": "hora de entrada, hora de ingreso, hora de unión, hora para unirse, entrada, ingreso, "
    "hora en que se unió, se unió a las, hora de la conexión, primera unión, primera entrada, hora de conexión, "
    "hora de incorporación, hora entrada, primera incorporación, fecha de entrada, momento de unión",
    "pt": "hora de ingresso, hora da entrada, horário de entrada, hora de entrada, ingressar na hora, entrada, "
    "primeira entrada, primeiro ingresso, horário de ingresso, hora da adesão, hora de adesão, primeira adesão, "
    "horário da entrada, entrou às",
    "fr": "heure d'arrivée, heure de connexion, heure d'entrée, heure pour rejoindre, première participation, "
    "arrivée, première connexion, heure de participation, heure à laquelle il a rejoint, première arrivée, "
    "premier accès, rejoint à, heure de jonction, heure de début de participation, heure de la connexion",
    "de": "beitrittszeit, beitrittszeitpunkt, zeitpunkt des beitritts, beitritt, erster beitritt, beitreten, "
    "teilnahmebeginn, beitrittsuhrzeit, uhrzeit des beitritts, beigetreten um, eintrittszeit, ankunft, beigetreten, "
    "anmeldezeit, teilnahmezeit, teilnahmezeitpunkt, erste teilnahme",
    "it": "ora di accesso, ora di ingresso, ora di partecipazione, ingresso, ora di entrata, entrata, "
    "primo accesso, prima partecipazione, orario di ingresso, orario di entrata, ora ingresso, primo ingresso, "
    "ora dell'accesso",
    "nl": "tijd van deelname, deelnametijd, aansluittijd, toetredingstijd, tijdstip van deelname, eerste deelname, "
    "eerste toetreding, tijd van toetreding, binnengekomen",
    "pl": "czas dołączenia, godzina dołączenia, pierwsze dołączenie, dołączenie, godzina wejścia, czas wejścia, "
    "dołączono",
    "ru": "время входа, время присоединения, время подключения, первое присоединение, первое подключение, вход, "
    "первый вход, время прихода, дата входа, подключение, присоединение, время первого входа",
    "uk": "час входу, час приєднання, час підключення, перше приєднання, перший вхід",
    "tr": "katılma zamanı, katılma saati, katılım zamanı, katılım saati, giriş saati, giriş zamanı, ilk katılım, "
    "ilk katılma, katılma",
    "ar": "وقت الانضمام, وقت الدخول, أول انضمام, الانضمام, تاريخ الانضمام, وقت الإنضمام, الدخول, ساعة الدخول, "
    "الانضمام الأول",
    "fa": "زمان ورود, زمان پیوستن, ساعت ورود, ورود, اولین ورود, زمان پیوست, اولین پیوستن",
    "he": "שעת הצטרפות, זמן הצטרפות, הצטרפות ראשונה, שעת כניסה, זמן כניסה",
    "zh": "加入时间, 入会时间, 首次入会时间, 首次加入, 首次加入时间, 进入时间, 入会時間, 加入時間, 進入時間, "
    "首次入會時間, 入會時間, 首次加入時間, 参会时间, 进会时间, 登录时间, 加入会议时间",
    "ja": "参加時刻, 参加時間, 最初の参加, 入室時刻, 入室時間, 参加日時, 入室日時, 参加した時刻, 入退室(入室), "
    "初回参加, 参加開始時刻",
    "ko": "참가 시간, 입장 시간, 참여 시간, 첫 참가, 처음 참가, 참가한 시간, 접속 시간, 가입 시간, 최초 참가, "
    "최초 참여, 참가 시각, 입장시각",
    "vi": "thời gian tham gia, thời gian vào, giờ vào, giờ tham gia, lần tham gia đầu tiên, thời điểm tham gia",
    "id": "waktu bergabung, waktu masuk, waktu gabung, jam masuk, bergabung pertama, pertama bergabung, bergabung pada",
    "th": "เวลาเข้าร่วม, เวลาที่เข้าร่วม, เวลาเข้า, เข้าร่วมครั้งแรก",
    "sv": "anslutningstid, första anslutning, anslöt, tid för anslutning",
    "da": "deltagelsestidspunkt, første deltagelse, tilslutningstid, tilsluttet",
    "nb": "tidspunkt for deltakelse, første deltakelse, ble med",
    "fi": "liittymisaika, ensimmäinen liittyminen, liittynyt",
    "cs": "čas připojení, první připojení, připojení",
    "hu": "csatlakozás ideje, első csatlakozás, csatlakozás időpontja, csatlakozott",
    "ro": "ora conectării, ora intrării, prima conectare, ora alăturării",
    "el": "ώρα συμμετοχής, ώρα εισόδου, πρώτη συμμετοχή, ώρα σύνδεσης",
    "hi": "शामिल होने का समय, जुड़ने का समय",
}
LEFT: Languages = {
    "en": "left_at, left, leave time, leave, time left, time exited, left time, left at, last leave, exit time, "
    "last leave time, time out, check-out, check-out time, departure, departure time, exited, exited at, "
    "logout time, out time, leaving time, time of leaving, time of departure, attendance stopped at, leave date, "
    "last left, leave timestamp, end of attendance, leave date time, last seen, last seen at",
    "es": "hora de salida, hora para salir, salida, hora en que salió, última salida, hora de desconexión, "
    "hora de abandono, hora salida, salió a las, fecha de salida, momento de salida",
    "pt": "hora de saída, hora da saída, horário de saída, saída, última saída, sair na hora, horário da saída, "
    "saiu às, hora para sair",
    "fr": "heure de départ, heure de déconnexion, heure de sortie, départ, dernier départ, sortie, "
    "dernière déconnexion, heure de fin de participation, quitté à, heure pour quitter, dernière sortie, "
    "heure à laquelle il est parti",
    "de": "verlassen um, zeitpunkt des verlassens, austrittszeit, verlassen, letztes verlassen, verlassenszeit, "
    "verlassenszeitpunkt, abmeldezeit, teilnahmeende, austritt, uhrzeit des verlassens, weggang, abgang, "
    "zeit des verlassens, letzter austritt",
    "it": "ora di uscita, uscita, ultima uscita, orario di uscita, ora uscita, ora di abbandono, ultimo abbandono, "
    "ultima disconnessione, ora di disconnessione",
    "nl": "tijd van vertrek, vertrektijd, tijdstip van vertrek, laatste vertrek, vertrek, tijd van verlaten, "
    "verlaten, laatst verlaten",
    "pl": "czas opuszczenia, godzina opuszczenia, ostatnie opuszczenie, ostatnie wyjście, godzina wyjścia, "
    "czas wyjścia, wyjście, opuszczenie, godzina opuszczenia spotkania",
    "ru": "время выхода, время отключения, последний выход, выход, время ухода, последнее отключение, дата выхода, "
    "отключение, время последнего выхода, последний уход",
    "uk": "час виходу, час відключення, останній вихід, вихід",
    "tr": "ayrılma zamanı, ayrılma saati, çıkış saati, çıkış zamanı, son ayrılma, ayrılış saati, ayrılış zamanı, "
    "ayrılma",
    "ar": "وقت المغادرة, وقت الخروج, آخر مغادرة, المغادرة, الخروج, ساعة الخروج, المغادرة الأخيرة, تاريخ المغادرة",
    "fa": "زمان خروج, زمان ترک, ساعت خروج, خروج, آخرین خروج, آخرین ترک",
    "he": "שעת עזיבה, זמן עזיבה, עזיבה אחרונה, שעת יציאה, זמן יציאה",
    "zh": "离开时间, 退会时间, 最后退会时间, 最后离开, 最后离开时间, 退出时间, 離開時間, 離會時間, 退會時間, "
    "最後退會時間, 最後離開時間, 退出時間, 离会时间, 最后离会时间, 登出时间, 离开会议时间, 上次离开, 上次離開",
    "ja": "退出時刻, 最後の退出, 退室時刻, 退室時間, 退出日時, 退室日時, 退出した時刻, 最終退出, 退出終了時刻",
    "ko": "나간 시간, 퇴장 시간, 퇴장시각, 마지막 나가기, 나간 시각, 떠난 시간, 마지막 퇴장, 최종 퇴장, 종료 시각",
    "vi": "thời gian rời khỏi, thời gian rời đi, thời gian ra, giờ ra, giờ rời khỏi, lần rời khỏi cuối cùng, "
    "thời gian thoát, thời điểm rời khỏi, lần rời đi cuối cùng, thời gian rời",
    "id": "waktu keluar, waktu meninggalkan, jam keluar, terakhir keluar, keluar terakhir, waktu pergi, keluar pada",
    "th": "เวลาออก, เวลาที่ออก, เวลาที่ออกจาก, ออกครั้งสุดท้าย",
    "sv": "tid för avgång, sista utträde, lämnade, utträdestid, senast lämnade",
    "da": "tidspunkt for afgang, sidste afgang, forlod, forladt",
    "nb": "siste avgang, forlot, tidspunkt for avgang",
    "fi": "poistumisaika, viimeinen poistuminen, poistunut",
    "cs": "čas odchodu, poslední odchod, odpojení, čas odpojení",
    "hu": "kilépés ideje, utolsó kilépés, távozás időpontja, utolsó távozás, távozás ideje",
    "ro": "ora ieșirii, ora plecării, ultima ieșire, ultima plecare",
    "el": "ώρα αποχώρησης, ώρα εξόδου, τελευταία αποχώρηση",
    "hi": "छोड़ने का समय, निकलने का समय",
}
DURATION: Languages = {
    "en": "duration, time in session, attendance duration, in-meeting duration, total duration, minutes, "
    "duration (minutes), time in session (minutes), total duration (minutes), time in meeting, attended duration, "
    "duration (min), duration mins, minutes attended, attended minutes, total time, time attended, time in call, "
    "time in room, total minutes, session duration, attended (min), total time in meeting, length of stay, "
    "in-meeting time, total time attended, duration in seconds, duration in minutes, duration seconds",
    "es": "duración, duración total, tiempo en sesión, duración en la reunión, tiempo de conexión, minutos, "
    "duración de la asistencia, tiempo total, permanencia, tiempo en la sesión, duración dentro de la reunión",
    "pt": "duração, duração total, tempo em sessão, duração na reunião, duração da reunião, minutos, permanência, "
    "tempo na sessão, duração da presença, tempo total, tempo de permanência, tempo de sessão",
    "fr": "durée, durée totale, temps en session, durée de présence, temps de présence, durée de la présence, "
    "durée de la réunion, durée de participation, temps total, durée dans la réunion, temps dans la session",
    "de": "dauer, gesamtdauer, sitzungszeit, zeit in der sitzung, dauer der besprechung, teilnahmedauer, minuten, "
    "anwesenheitsdauer, anwesenheit, dauer in besprechung, besprechungsdauer, dauer der teilnahme, verweildauer",
    "it": "durata, durata totale, tempo in sessione, durata in riunione, durata della presenza, minuti, "
    "tempo totale, durata della partecipazione, permanenza, durata nella riunione",
    "nl": "duur, totale duur, tijd in sessie, duur van deelname, duur in vergadering, minuten, vergaderduur",
    "pl": "czas trwania, łączny czas trwania, czas w sesji, czas udziału, czas udziału w spotkaniu, "
    "całkowity czas trwania, czas trwania uczestnictwa, czas w spotkaniu, minuty",
    "ru": "продолжительность, длительность, общая продолжительность, время в сеансе, общая длительность, минуты, "
    "длительность участия, продолжительность участия, время участия, время на собрании, время в конференции",
    "uk": "тривалість, загальна тривалість, час у сеансі, тривалість участі",
    "tr": "süre, toplam süre, oturum süresi, toplantı içi süre, katılım süresi, dakika, toplantıda geçirilen süre",
    "ar": "المدة, إجمالي المدة, الوقت في الجلسة, مدة الحضور, المدة الإجمالية, مدة الاجتماع, الدقائق, مدة المشاركة, "
    "المدة في الاجتماع",
    "fa": "مدت, مدت زمان, مدت حضور, مدت کل, مدت زمان حضور, کل مدت, مدت جلسه",
    "he": "משך, משך הזמן, משך כולל, זמן בפגישה",
    "zh": "时长, 持续时间, 累计参会时长, 累计参会时间, 参会时长, 总时长, 总持续时间, 会议持续时间, 会中时长, "
    "出席时长, 在线时长, 時間長度, 總時長, 持續時間, 會議時長, 累計參會時長, 總持續時間, 會議持續時間, 時長, "
    "时间长度, 会议时长",
    "ja": "期間, 時間, 時間（分）, 合計時間, 会議中の期間, 出席時間, 参加期間, 所要時間, セッション時間, "
    "合計時間（分）, 滞在時間, 在室時間, 総参加時間",
    "ko": "기간, 기간(분), 참가 시간(분), 총 기간, 총 시간, 회의 기간, 참여 기간, 회의 중 기간, 세션 시간, "
    "총 참가 시간, 접속 시간(분)",
    "vi": "thời lượng, thời gian, tổng thời gian, tổng thời lượng, thời gian trong phiên, "
    "thời lượng trong cuộc họp, thời gian trong cuộc họp",
    "id": "durasi, total durasi, waktu dalam sesi, durasi total, lama, durasi dalam rapat, durasi rapat",
    "th": "ระยะเวลา, ระยะเวลารวม, เวลาในการประชุม",
    "sv": "varaktighet, total varaktighet, längd, tid i mötet, mötestid",
    "da": "varighed, samlet varighed, varighed i møde",
    "nb": "total varighet, varighet, varighet i møtet",
    "fi": "kesto, kokonaiskesto, kesto kokouksessa",
    "cs": "doba trvání, celková doba trvání, trvání, doba trvání schůzky",
    "hu": "időtartam, teljes időtartam, időtartam az értekezleten",
    "ro": "durată, durata totală, durata în întâlnire",
    "el": "διάρκεια, συνολική διάρκεια",
    "hi": "अवधि, कुल अवधि",
}
DATE: Languages = {
    "en": "date, day, meeting date, session date",
    "es": "fecha",
    "pt": "data, dia",
    "de": "datum, tag",
    "ru": "дата",
    "tr": "tarih",
    "ar": "التاريخ",
    "fa": "تاریخ",
    "zh": "日期",
    "ja": "日付",
    "ko": "날짜",
    "vi": "ngày",
    "id": "tanggal",
}
JOINS: Languages = {
    "en": "joins, number of joins, times joined, join count",
    "zh": "入会次数, 入會次數, 参会次数",
}
LASTED: Languages = {
    "en": "meeting duration, actual duration (minutes), actual duration, total meeting duration",
    "es": "duración de la reunión, duración real (minutos), duración real",
    "pt": "duração real (minutos)",
    "fr": "durée réelle (minutes)",
    "de": "tatsächliche dauer (minuten)",
    "it": "durata della riunione, durata riunione, durata effettiva (minuti)",
    "nl": "duur van de vergadering",
    "pl": "czas trwania spotkania",
    "ru": "длительность собрания, продолжительность собрания",
    "tr": "toplantı süresi",
    "zh": "累计会议时长, 会议总时长, 實際時長（分鐘）, 实际时长（分钟）",
    "ja": "会議の期間, 会議時間",
    "ko": "회의 시간",
}
ACTION: Languages = {
    "en": "user action, action",
    "es": "acción del usuario, acción de usuario, acción",
    "pt": "atividade, ação do usuário, ação do utilizador, ação",
    "fr": "action de l'utilisateur, action utilisateur",
    "de": "benutzeraktion, aktion",
    "it": "azione utente, azione dell'utente, azione",
    "nl": "gebruikersactie, actie",
    "pl": "akcja użytkownika, czynność użytkownika, działanie użytkownika",
    "ru": "действие пользователя, действие",
    "tr": "kullanıcı eylemi, eylem",
    "ar": "إجراء المستخدم, الإجراء",
    "zh": "用户操作, 用戶動作, 使用者動作, 操作",
    "ja": "ユーザー アクション, アクション, ユーザーの操作",
    "ko": "사용자 작업, 작업",
    "sv": "användaråtgärd",
    "da": "brugerhandling",
    "nb": "brukerhandling",
    "fi": "käyttäjän toiminto",
    "vi": "hành động của người dùng, hành động",
    "id": "tindakan pengguna, tindakan",
}
MOMENT: Languages = {
    "en": "timestamp, time stamp, utceventtimestamp, utc event timestamp",
    "es": "marca de tiempo, marca temporal",
    "pt": "carimbo de data/hora",
    "fr": "horodatage, horodateur",
    "de": "zeitstempel",
    "it": "timestamp, data e ora",
    "nl": "tijdstempel",
    "pl": "sygnatura czasowa, znacznik czasu",
    "ru": "метка времени, отметка времени",
    "tr": "zaman damgası",
    "ar": "الطابع الزمني",
    "zh": "时间戳, 時間戳記",
    "ja": "タイムスタンプ",
    "ko": "타임스탬프",
    "sv": "tidsstämpel",
    "da": "tidsstempel",
    "fi": "aikaleima",
    "vi": "dấu thời gian",
    "id": "stempel waktu",
}
OTHER: Languages = {
    "en": "recording consent, recording disclaimer response, country/region name, country/region, country, "
    "approval status, registration time, department, group, has zoom rooms, creation time, marketing opt-in, phone, "
    "connection type, no., s.no, sno, number, company, organization, organisation, job title, ip address, device, "
    "user agent, useragent, attention score, source name, registered, total users, session name, meeting code, "
    "activity score, meeting type, client type, network type, location, microphone, speaker, camera, data center, "
    "ip, mac, version, survey, registrar, region, city, state, address, zip/postal code, timezone, time zone",
    "es": "consentimiento de grabación, país, país/región, departamento, grupo, empresa, teléfono, "
    "tipo de conexión, respuesta al descargo de responsabilidad relativa a la grabación, nº",
    "pt": "consentimento de gravação, país/região, empresa, telefone, tipo de conexão, nome da sessão, "
    "resposta ao aviso de isenção de responsabilidade de gravação",
    "fr": "consentement à l'enregistrement, pays, pays/région, entreprise, type de connexion, n°, "
    "réponse à l'avertissement d'enregistrement",
    "de": "zustimmung zur aufzeichnung, land, land/region, firma, telefon, verbindungstyp, nr.",
    "it": "consenso alla registrazione, paese, paese/area geografica, tipo di connessione, "
    "risposta all'esclusione di responsabilità per la registrazione",
    "ru": "согласие на запись, страна/регион, страна, отдел, телефон, №",
    "zh": "录制同意书, 国家/地区, 部门, 手机号, 手机号码, 序号, 连接类型, 设备, 终端类型, 入会方式, 企业名称, "
    "所属部门, ip地址, 会议号",
    "ja": "国/地域, 録画の同意, 録画に関する同意, 接続タイプ, 番号, レコーディングの同意",
    "ko": "국가/지역, 녹화 동의, 녹화 고지 사항 응답, 번호",
}
"""Known, and of no use for who was there and when: not worth saying that they are not read."""
