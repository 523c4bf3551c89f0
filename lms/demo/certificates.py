"""The design of the demonstration's certificates: the built-in one, with somebody who signs."""

from __future__ import annotations

from datetime import datetime

from lms.certificates.actions.designs import create_design, publish_design, set_default, set_looks, set_words
from lms.certificates.designs.design import ENGLISH
from lms.certificates.designs.versions import printable_words
from lms.core.db import action
from lms.core.roles import SYSTEM

NAME = "Ministry of Trade"
SIGNATORY = "Liang Wenshu"
_TITLES = {
    "en": "Director, International Cooperation",
    "ar": "مديرة التعاون الدولي",
    "es": "Directora de Cooperación Internacional",
    "fr": "Directrice de la coopération internationale",
    "pt": "Diretora de Cooperação Internacional",
    "ru": "Директор по международному сотрудничеству",
    "zh": "国际合作司司长",
}


@action
def add_signatory(*, at: datetime) -> None:
    """Makes the design that certificates are issued with from now on."""
    family = create_design(NAME, by=SYSTEM, at=at)
    set_looks(family, {"name": NAME, "signatory": SIGNATORY}, by=SYSTEM, at=at)
    for language, words in {"en": ENGLISH, **printable_words()}.items():
        set_words(family, language, {**words, "office": _TITLES.get(language, _TITLES["en"])}, by=SYSTEM, at=at)
    publish_design(family, by=SYSTEM, at=at)
    set_default(family, by=SYSTEM, at=at)
