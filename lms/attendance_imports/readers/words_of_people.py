"""Headings about people, by language: who somebody is, as what, and how many there were.

Words of one language are separated by commas; they are compared without case, accents, spaces and punctuation.
"""

from collections.abc import Mapping

Languages = Mapping[str, str]

EMAIL: Languages = {
    "en": "email, email address, user email, attendee email, participant email, mail, mail address, email id, "
    "e-mail id, account email, login email, registered email, your email",
    "es": "correo, correo electrónico, dirección de correo electrónico, dirección de correo, e-mail del usuario, "
    "correo electrónico del usuario, correo del usuario, correo electrónico del asistente, correo del participante",
    "pt": "endereço de e-mail, e-mail do usuário, e-mail do utilizador, e-mail do participante, "
    "e-mail do convidado, correio eletrônico, endereço eletrônico, correio eletrónico",
    "fr": "adresse e-mail, adresse électronique, courriel, adresse courriel, adresse mail, adresse de courriel, "
    "adresse e-mail de l'utilisateur, e-mail de l'utilisateur, e-mail utilisateur, adresse de messagerie, "
    "adresse électronique du participant, adresse e-mail du participant, courriel de l'utilisateur",
    "de": "e-mail-adresse, benutzer-e-mail, e-mail des benutzers, e-mail-adresse des benutzers, e-mail benutzer, "
    "e-mail-adresse des teilnehmers, nutzer-e-mail, mailadresse, e-mail des teilnehmers",
    "it": "indirizzo e-mail, indirizzo di posta elettronica, posta elettronica, e-mail utente, e-mail dell'utente, "
    "indirizzo e-mail utente, indirizzo e-mail dell'utente",
    "nl": "e-mailadres, e-mail gebruiker, e-mailadres gebruiker, e-mailadres van gebruiker, e-mail van gebruiker, "
    "gebruikers-e-mail",
    "pl": "adres e-mail, e-mail użytkownika, adres e-mail użytkownika, poczta e-mail, poczta elektroniczna",
    "ru": "адрес электронной почты, электронная почта, эл. почта, почта, e-mail пользователя, адрес эл. почты, "
    "электронная почта пользователя, адрес электронной почты пользователя, электронный адрес, эл. адрес",
    "uk": "електронна пошта, адреса електронної пошти, ел. пошта, електронна адреса, пошта користувача",
    "tr": "e-posta, e-posta adresi, kullanıcı e-postası, kullanıcı e-posta adresi, kullanıcı e-posta",
    "ar": "البريد الإلكتروني, عنوان البريد الإلكتروني, البريد الإلكتروني للمستخدم, بريد المستخدم, البريد, الإيميل, "
    "عنوان البريد الإلكتروني للمستخدم, ايميل",
    "fa": "ایمیل, رایانامه, آدرس ایمیل, پست الکترونیک, پست الکترونیکی, ایمیل کاربر, نشانی ایمیل",
    "he": 'דוא"ל, כתובת דוא"ל, אימייל, דואר אלקטרוני',
    "zh": "邮箱, 电子邮件, 电子邮箱, 用户邮箱, 邮箱地址, 电子邮件地址, 用户电子邮件, 用户电子邮箱, 与会者电子邮件, "
    "邮件, 邮件地址, 電子郵件, 電子信箱, 電子郵件地址, 使用者電子郵件, 用戶電子郵件, 信箱, 電郵, 用戶電郵, "
    "電郵地址, 電子郵箱",
    "ja": "メールアドレス, メール, 電子メール, eメール, eメールアドレス, ユーザーメール, ユーザーのメール, "
    "ユーザーのメールアドレス, ユーザーのeメール, ユーザー メールアドレス, 出席者のメール, 電子メール アドレス, "
    "参加者のメール",
    "ko": "이메일, 이메일 주소, 사용자 이메일, 전자 메일, 메일, 전자 메일 주소, 메일 주소, 참가자 이메일",
    "vi": "email người dùng, địa chỉ email, thư điện tử, địa chỉ thư điện tử, email của người dùng",
    "id": "alamat email, email pengguna, surel, alamat surel, alamat email pengguna",
    "th": "อีเมล, ที่อยู่อีเมล, อีเมลผู้ใช้",
    "sv": "e-post, e-postadress, användarens e-post",
    "da": "mailadresse, e-mailadresse, brugerens e-mail",
    "nb": "e-postadresse, brukerens e-post",
    "fi": "sähköposti, sähköpostiosoite",
    "cs": "e-mailová adresa, e-mail uživatele",
    "hu": "e-mail cím, e-mail-cím",
    "ro": "adresă de e-mail, adresa de e-mail, adresa email",
    "el": "ηλεκτρονικό ταχυδρομείο, διεύθυνση ηλεκτρονικού ταχυδρομείου, διεύθυνση email",
    "hi": "ईमेल, ईमेल पता",
}
NAME: Languages = {
    "en": "name, full name, user name, username, display name, participant, participant name, attendee, "
    "attendee name, name (original name), user name (original name), name of participant, student name, member name",
    "es": "nombre, nombre completo, nombre y apellidos, nombre y apellido, nombre de usuario, participante, "
    "asistente, nombre del participante, nombre del asistente, nombre para mostrar, "
    "nombre de usuario (nombre original)",
    "pt": "nome, nome completo, nome de usuário, nome do usuário, nome do participante, nome de exibição",
    "fr": "nom, nom complet, nom d'utilisateur, nom et prénom, nom du participant, nom d'affichage, nom affiché, "
    "nom de l'utilisateur, prénom et nom",
    "de": "vollständiger name, benutzername, anzeigename, name des teilnehmers, teilnehmername, nutzername",
    "it": "nome e cognome, nome visualizzato, nome utente, nome del partecipante, partecipante",
    "nl": "naam, volledige naam, gebruikersnaam, deelnemer, naam van deelnemer, weergavenaam",
    "pl": "imię i nazwisko, nazwa, nazwa użytkownika, pełna nazwa, uczestnik, nazwa uczestnika, pełne imię i nazwisko",
    "ru": "имя, полное имя, имя пользователя, фио, имя участника, участник, фамилия и имя, имя и фамилия, "
    "имя (настоящее имя), отображаемое имя",
    "uk": "ім'я, повне ім'я, ім'я користувача, піб, учасник, ім'я учасника",
    "tr": "ad, ad soyad, adı soyadı, isim, tam ad, kullanıcı adı, katılımcı, katılımcı adı, tam adı, görünen ad",
    "ar": "الاسم, الاسم الكامل, اسم المستخدم, اسم المشارك, المشارك, الإسم, الاسم المعروض, اسم الطالب",
    "fa": "نام, نام و نام خانوادگی, نام کامل, نام کاربر, نام کاربری, نام شرکت‌کننده, شرکت‌کننده",
    "he": "שם, שם מלא, שם משתמש, משתתף",
    "zh": "姓名, 名称, 全名, 用户名, 用户昵称, 昵称, 名字, 用户名称, 成员, 成员昵称, 参会者, 参会人, 与会者, "
    "参会人姓名, "
    "显示名称, 学员姓名, 名稱, 暱稱, 使用者名稱, 用戶名稱, 顯示名稱, 參與者, 使用者",
    "ja": "名前, 氏名, 参加者名, ユーザー名, 表示名, 参加者, お名前, フルネーム",
    "ko": "이름, 성명, 사용자 이름, 참가자, 참가자 이름, 표시 이름, 전체 이름, 성함",
    "vi": "tên, họ tên, họ và tên, tên đầy đủ, tên người dùng, người tham gia, tên hiển thị, tên người tham gia",
    "id": "nama, nama lengkap, nama pengguna, nama peserta, peserta, nama tampilan",
    "th": "ชื่อ, ชื่อ-นามสกุล, ชื่อเต็ม, ชื่อผู้ใช้, ผู้เข้าร่วม",
    "sv": "namn, fullständigt namn, deltagare, användarnamn",
    "da": "navn, fulde navn, deltager, brugernavn",
    "nb": "fullt navn",
    "fi": "nimi, koko nimi, osallistuja, käyttäjänimi",
    "cs": "jméno, celé jméno, jméno a příjmení, účastník, uživatelské jméno",
    "hu": "név, teljes név, résztvevő, felhasználónév",
    "ro": "nume complet, nume și prenume, nume utilizator, participantul",
    "el": "όνομα, ονοματεπώνυμο, πλήρες όνομα, όνομα χρήστη",
    "hi": "नाम, पूरा नाम, प्रतिभागी",
}
FIRST_NAME: Languages = {
    "en": "first name, given name, forename",
    "es": "nombre de pila, primer nombre, nombres",
    "pt": "primeiro nome, nome próprio",
    "fr": "prénom",
    "de": "vorname",
    "it": "nome di battesimo",
    "nl": "voornaam",
    "pl": "imię",
    "ru": "имя отчество",
    "zh": "名",
    "ja": "名",
    "fi": "etunimi",
    "sv": "förnamn",
    "da": "fornavn",
    "hu": "keresztnév, utónév",
    "ar": "الاسم الأول",
    "tr": "adı",
}
LAST_NAME: Languages = {
    "en": "last name, surname, family name",
    "es": "apellido, apellidos",
    "pt": "sobrenome, apelido, último nome",
    "fr": "nom de famille",
    "de": "nachname, familienname",
    "it": "cognome",
    "nl": "achternaam",
    "pl": "nazwisko",
    "ru": "фамилия",
    "uk": "прізвище",
    "tr": "soyad, soyadı",
    "ar": "اسم العائلة, اللقب",
    "fa": "نام خانوادگی",
    "zh": "姓, 姓氏",
    "ja": "姓",
    "ko": "성",
    "sv": "efternamn",
    "da": "efternavn",
    "nb": "etternavn",
    "fi": "sukunimi",
    "cs": "příjmení",
    "hu": "vezetéknév",
}
REGISTRANT: Languages = {
    "en": "registrant id, participant id, customer key, user id, upn, participant id (upn), registration id",
    "es": "id. de participante (upn), id de participante (upn), id. del participante (upn)",
    "pt": "id do participante (upn)",
    "fr": "id du participant (upn), id participant (upn), id de participant (upn)",
    "de": "teilnehmer-id (upn)",
    "it": "id partecipante (upn)",
    "nl": "deelnemer-id (upn)",
    "pl": "identyfikator uczestnika (upn)",
    "ru": "идентификатор участника (upn)",
    "tr": "katılımcı kimliği (upn)",
    "ar": "معرف المشارك (upn)",
    "zh": "参与者 id (upn), 參與者識別碼 (upn), 参与者id",
    "ja": "参加者 id (upn)",
    "ko": "참가자 id(upn)",
    "vi": "id người tham gia (upn)",
    "id": "id peserta (upn)",
    "sv": "deltagar-id (upn)",
    "da": "deltager-id (upn)",
    "nb": "deltaker-id (upn)",
}
ROLE: Languages = {
    "en": "role, participant role, identity",
    "es": "rol, función, papel",
    "pt": "função, papel, cargo",
    "fr": "rôle",
    "de": "rolle",
    "it": "ruolo",
    "pl": "rola",
    "ru": "роль",
    "tr": "rol, görev",
    "ar": "الدور, دور",
    "fa": "نقش",
    "he": "תפקיד",
    "zh": "身份, 角色, 用户身份, 身分",
    "ja": "役割, ロール",
    "ko": "역할",
    "vi": "vai trò",
    "id": "peran",
    "th": "บทบาท",
    "sv": "roll",
    "fi": "rooli",
    "hu": "szerep, szerepkör",
    "el": "ρόλος",
    "hi": "भूमिका",
}
GUEST: Languages = {
    "en": "guest, is guest",
    "es": "invitado, es invitado",
    "pt": "convidado, é convidado",
    "fr": "invité, est un invité",
    "de": "gast, ist gast",
    "it": "ospite",
    "nl": "gast, is gast",
    "pl": "gość, jest gościem",
    "ru": "гость, является гостем",
    "uk": "гість",
    "tr": "konuk, misafir",
    "ar": "ضيف, هو ضيف, الضيف",
    "fa": "مهمان",
    "he": "אורח",
    "zh": "访客, 是访客, 来宾, 訪客, 是訪客, 來賓",
    "ja": "ゲスト",
    "ko": "게스트, 손님",
    "vi": "khách",
    "id": "tamu, adalah tamu",
    "th": "แขก, ผู้เยี่ยมชม",
    "sv": "gäst",
    "da": "gæst",
    "nb": "gjest",
    "fi": "vieras",
    "cs": "host",
    "hu": "vendég",
    "ro": "invitat",
    "el": "επισκέπτης",
    "hi": "अतिथि",
}
WAITING: Languages = {
    "en": "in waiting room, waiting room, in the waiting room, was in waiting room",
    "es": "en sala de espera, en la sala de espera, sala de espera",
    "pt": "na sala de espera, em sala de espera",
    "fr": "salle d'attente, en salle d'attente, dans la salle d'attente, dans une salle d'attente",
    "de": "im warteraum, warteraum, in warteraum, im wartezimmer, wartezimmer, im wartebereich",
    "it": "in sala d'attesa, sala d'attesa, in sala di attesa, nella sala d'attesa, sala di attesa",
    "nl": "in wachtkamer, wachtkamer, in de wachtkamer, in wachtruimte, in de wachtruimte, wachtruimte",
    "pl": "w poczekalni, poczekalnia",
    "ru": "в зале ожидания, зал ожидания",
    "uk": "у залі очікування, зал очікування, в залі очікування",
    "tr": "bekleme odasında, bekleme odası",
    "ar": "في غرفة الانتظار, غرفة الانتظار, بغرفة الانتظار",
    "fa": "در اتاق انتظار, اتاق انتظار",
    "he": "בחדר ההמתנה, חדר המתנה",
    "zh": "在等候室, 等候室, 在等候室中, 在等候室内, 是否在等候室, 在等候室裡, 等候室中, 等候室内",
    "ja": "待機室, 待機室内, 待機室で, 待機室にいる, 待合室, 待機室に入室",
    "ko": "대기실, 대기실에서, 대기실에 있음, 대기실 내",
    "vi": "trong phòng chờ, phòng chờ, ở phòng chờ, tại phòng chờ",
    "id": "di ruang tunggu, ruang tunggu, dalam ruang tunggu",
    "th": "ในห้องรอ, ห้องรอ",
    "sv": "i väntrummet, väntrum, i väntrum",
    "da": "i venteværelse, venteværelse, i venteværelset",
    "nb": "i venterommet, venterom",
    "fi": "odotushuoneessa, odotushuone",
    "cs": "v čekárně, čekárna",
    "hu": "a váróteremben, váróterem, váróteremben",
    "ro": "în sala de așteptare, sala de așteptare",
    "el": "στην αίθουσα αναμονής, αίθουσα αναμονής",
    "hi": "प्रतीक्षा कक्ष में, प्रतीक्षा कक्ष",
}
PEOPLE: Languages = {
    "en": "participants, attended participants, total number of participants, number of participants, attendees, "
    "total participants, participant count, number of attendees, total attendees, unique participants, "
    "unique viewers",
    "es": "participantes, participantes que asistieron, número total de participantes, asistentes, "
    "número de participantes, participantes asistidos",
    "pt": "participantes presentes, número total de participantes, participantes atendidos, "
    "número de participantes, participantes que compareceram",
    "fr": "nombre total de participants, participants présents, nombre de participants, participants ayant assisté",
    "de": "teilnehmer, gesamtzahl der teilnehmer, anwesende teilnehmer, anzahl der teilnehmer, teilnehmeranzahl, "
    "teilgenommene teilnehmer, teilnehmerzahl",
    "it": "partecipanti, numero totale di partecipanti, numero di partecipanti, partecipanti presenti",
    "nl": "deelnemers, totaal aantal deelnemers, aanwezige deelnemers, aantal deelnemers",
    "pl": "uczestnicy, łączna liczba uczestników, liczba uczestników, obecni uczestnicy",
    "ru": "участники, общее число участников, количество участников, присутствовавшие участники, число участников",
    "uk": "учасники, кількість учасників",
    "tr": "katılımcılar, toplam katılımcı sayısı, katılan katılımcılar, katılımcı sayısı",
    "ar": "المشاركون, العدد الإجمالي للمشاركين, عدد المشاركين, المشاركون الحاضرون, الحضور",
    "fa": "شرکت‌کنندگان, تعداد شرکت‌کنندگان",
    "zh": "参会用户总数, 参会人数, 参与者总数, 已参加的参与者, 出席人数, 累计参会人数, 参会成员数, 與會者總數, "
    "參會人數, 参会总人数, 已出席的參與者, 參與者總數, 参与人数",
    "ja": "出席した参加者, 参加者の合計数, 参加者数, 合計参加者数",
    "ko": "참석한 참가자, 총 참가자 수, 참가자 수",
    "vi": "số người tham gia, tổng số người tham gia, người tham gia đã tham dự",
    "id": "jumlah peserta, total peserta, peserta yang hadir",
}
