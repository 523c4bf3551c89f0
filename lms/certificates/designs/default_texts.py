"""Default words of a certificate in the languages of the United Nations and Portuguese, with which designs begin.

They are used between a name, which they never inflect, and the title of a series, which follows the sentence. So no
number in them needs a form of its word, and no name a gender where the language allows.
"""

from collections.abc import Mapping

READY: Mapping[str, Mapping[str, str]] = {
    "ar": {
        "participation": "شهادة مشاركة",
        "completion": "شهادة إتمام",
        "sentence": "تقديرًا لحضور المحاضرات ({attended} من {lectures}، وعدد الساعات {hours}) ضمن سلسلة",
        "sentence_all": "تقديرًا لحضور جميع المحاضرات (وعددها {lectures}، وعدد الساعات {hours}) ضمن سلسلة",
        "sentence_one": "تقديرًا لحضور المحاضرة (وعدد الساعات {hours}) ضمن سلسلة",
        "issued": "تاريخ الإصدار",
        "verify": "يمكن لأي شخص التحقق منها على العنوان",
        "missed": "لم يتم الحضور",
        "to_come": "لم يحدد موعدها بعد",
    },
    "es": {
        "participation": "Certificado de participación",
        "completion": "Certificado de finalización",
        "sentence": "asistió a {attended} de las {lectures} conferencias ({hours} h) del ciclo",
        "sentence_all": "asistió a las {lectures} conferencias ({hours} h) del ciclo",
        "sentence_one": "asistió a la conferencia ({hours} h) del ciclo",
        "issued": "Expedido el",
        "verify": "Cualquier persona puede verificarlo en",
        "missed": "sin asistencia",
        "to_come": "fecha por anunciar",
    },
    "fr": {
        "participation": "Certificat de participation",
        "completion": "Certificat d’achèvement",
        "sentence": "a suivi {attended} des {lectures} conférences ({hours} h) de la série",
        "sentence_all": "a suivi l’ensemble des {lectures} conférences ({hours} h) de la série",
        "sentence_one": "a suivi la conférence ({hours} h) de la série",
        "issued": "Délivré le",
        "verify": "Chacun peut le vérifier à l’adresse",
        "missed": "non suivie",
        "to_come": "date à venir",
    },
    "pt": {
        "participation": "Certificado de participação",
        "completion": "Certificado de conclusão",
        "sentence": "assistiu a {attended} das {lectures} palestras ({hours} h) do ciclo",
        "sentence_all": "assistiu a todas as {lectures} palestras ({hours} h) do ciclo",
        "sentence_one": "assistiu à palestra ({hours} h) do ciclo",
        "issued": "Emitido em",
        "verify": "Qualquer pessoa pode verificá-lo em",
        "missed": "não assistida",
        "to_come": "data a anunciar",
    },
    "ru": {
        "participation": "Сертификат об участии",
        "completion": "Сертификат об окончании",
        "sentence": "прослушал(а) лекции ({attended} из {lectures}, {hours} ч) цикла",
        "sentence_all": "прослушал(а) все лекции ({attended} из {lectures}, {hours} ч) цикла",
        "sentence_one": "прослушал(а) лекцию ({hours} ч) цикла",
        "issued": "Дата выдачи",
        "verify": "Проверить подлинность может каждый:",
        "missed": "не посещена",
        "to_come": "дата будет объявлена",
    },
    "zh": {
        "participation": "参与证书",
        "completion": "结业证书",
        "sentence": "参加了以下系列讲座中的 {attended} 讲（共 {lectures} 讲），合计 {hours} 小时",
        "sentence_all": "参加了以下系列讲座的全部 {lectures} 讲，合计 {hours} 小时",
        "sentence_one": "参加了以下系列的讲座，时长 {hours} 小时",
        "issued": "签发日期",
        "verify": "任何人均可在以下网址核验",
        "missed": "未参加",
        "to_come": "日期待定",
    },
}
"""By language (BCP 47). Chinese uses simplified characters, the default for its language code."""
