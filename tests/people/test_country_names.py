"""Names of countries and areas: the UN's by default, the organiser's where changed, and any name in use in files."""

from __future__ import annotations

import csv
from datetime import datetime

import pytest
from apiflask import APIFlask
from babel import Locale
from sqlalchemy import update

from lms.catalogue.forms.base import codes_of
from lms.core.base.errors import Invalid
from lms.core.base.roles import SYSTEM
from lms.core.base.settings import resource
from lms.core.database.session import db
from lms.core.text.i18n import LANGUAGES, cldr_locale
from lms.people.actions.countries import load_countries
from lms.people.models import Country
from lms.people.people_files import country_spellings, read_country
from lms.people.queries.countries import country_names
from lms.people.queries.country_names import (
    code_of_name,
    codes_of_shared_name,
    known_names,
    likely_language,
    name_key,
    names_in_english,
    regions,
    territories,
)
from tests.rows import each_row


def _rows(file_name: str) -> list[dict[str, str]]:
    with resource("seeds", file_name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_country_of_the_list_has_a_name() -> None:
    codes = [[row["code"] for row in _rows(name)] for name in ("countries.csv", "country_names.csv")]
    assert codes[0] == codes[1]
    assert all(names_in_english(code)[0] for code in codes[1])


@pytest.mark.usefixtures("context")
@each_row(
    "code, language",
    [("SN", "fr"), ("EG", "ar"), ("BR", "pt"), ("KZ", "ru"), ("MX", "es"), ("CN", "zh"), ("KE", "en"), ("VN", "en")],
)
def test_a_country_has_a_likely_language_among_those_offered(code: str, language: str) -> None:
    assert likely_language(code) == language


@pytest.mark.usefixtures("context")
def test_english_names_are_the_uns() -> None:
    names = country_names("en")
    assert {code: names[code] for code in ("BO", "CI", "GB", "HK", "KR", "TR", "TZ", "VN")} == {
        "BO": "Bolivia (Plurinational State of)",
        "CI": "Côte d’Ivoire",
        "GB": "United Kingdom of Great Britain and Northern Ireland",
        "HK": "China, Hong Kong Special Administrative Region",
        "KR": "Republic of Korea",
        "TR": "Türkiye",
        "TZ": "United Republic of Tanzania",
        "VN": "Viet Nam",
    }
    assert len(set(names.values())) == len(names)


@each_row("language", LANGUAGES)
def test_each_country_and_region_has_a_name_in_each_language(language: str) -> None:
    names = territories(language)
    codes = [row["code"] for row in _rows("countries.csv")]
    assert all(names[code] for code in codes)
    assert len({names[code] for code in codes}) == len(codes)
    if language != "en":
        assert all(regions(language)[row["code"]] for row in _rows("regions.csv"))


@each_row(
    "language, expected",
    [
        ("ar", "BO بوليفيا (دولة - المتعددة القوميات)|CI كوت ديفوار|RU الاتحاد الروسي|PS دولة فلسطين|KE كينيا"),
        ("es", "KE Kenya|KZ Kazajstán|MM Myanmar|TT Trinidad y Tabago|TW Taiwán, provincia de China|ES España"),
        ("fr", "BY Bélarus|IR Iran (République islamique d’)|TZ République-Unie de Tanzanie|VN Viet Nam|UG Ouganda"),
        ("pt", "KR República da Coreia|MM Mianmar|PS Estado da Palestina|KE Quénia|GB Reino Unido"),
        ("ru", "KG Кыргызстан|MD Республика Молдова|AE Объединенные Арабские Эмираты|CI Кот-д’Ивуар|KE Кения"),
        ("zh", "KR 大韩民国|TW 中国台湾省|HK 中国香港特别行政区|US 美利坚合众国|KE 肯尼亚"),
    ],
)
def test_names_in_other_languages_are_the_uns(language: str, expected: str) -> None:
    names = territories(language)
    for code, name in (text.split(" ", 1) for text in expected.split("|")):
        assert names[code] == name


def test_names_of_regions_are_the_uns() -> None:
    names = {
        language: (regions(language)["202"], regions(language)["419"]) for language in LANGUAGES if language != "en"
    }
    assert names == {
        "ar": ("أفريقيا جنوب الصحراء الكبرى", "أمريكا اللاتينية ومنطقة البحر الكاريبي"),
        "es": ("África Subsahariana", "América Latina y el Caribe"),
        "fr": ("Afrique subsaharienne", "Amérique latine et Caraïbes"),
        "pt": ("África Subsariana", "América Latina e Caraíbas"),
        "ru": ("Африка к югу от Сахары", "Латинская Америка и Карибский бассейн"),
        "zh": ("撒哈拉以南非洲", "拉丁美洲和加勒比"),
    }


@each_row("language", LANGUAGES)
def test_names_of_the_un_and_of_cldr_are_read(language: str) -> None:
    for names in (territories(language), Locale.parse(cldr_locale(language)).territories, Locale(language).territories):
        for row in _rows("countries.csv"):
            name, code = names[row["code"]], row["code"]
            assert code_of_name(name) == code or code in codes_of_shared_name(name), name


@pytest.mark.databases
def test_a_name_that_the_organiser_changed_stays(app: APIFlask, at: datetime) -> None:
    with app.app_context():
        try:
            db.session.execute(
                update(Country).where(Country.code == "TR").values(names={"en": "Turkey", "fr": "Turquie"})
            )
            db.session.commit()
            load_countries(by=SYSTEM, at=at)  # as `lms init` does after an update
            assert country_names("en")["TR"] == "Turkey"
            assert country_names("en")["VN"] == "Viet Nam"
            assert (country_names("fr")["TR"], country_names("es")["TR"]) == ("Turquie", "Türkiye")
        finally:
            db.session.execute(update(Country).where(Country.code == "TR").values(names={}))
            db.session.commit()


@each_row(
    "written, code",
    [
        ("Viet Nam", "VN"), ("Vietnam", "VN"), ("VIETNAM ", "VN"), ("Turkey", "TR"), ("Turkiye", "TR"),
        ("Korea, Republic of", "KR"), ("South Korea", "KR"), ("Republic of Korea", "KR"), ("North Korea", "KP"),
        ("Iran", "IR"), ("Iran, Islamic Republic of", "IR"), ("Islamic Republic of Iran", "IR"),
        ("Cote d'Ivoire", "CI"), ("Côte d’Ivoire", "CI"), ("Ivory Coast", "CI"), ("Bolivia", "BO"),
        ("Congo-Brazzaville", "CG"), ("Republic of the Congo", "CG"),
        ("Congo - Kinshasa", "CD"), ("DRC", "CD"), ("Congo, The Democratic Republic of the", "CD"),
        ("The Gambia", "GM"), ("Gambia, The", "GM"), ("St. Lucia", "LC"), ("St Vincent & the Grenadines", "VC"),
        ("Hong Kong SAR China", "HK"), ("China, Hong Kong Special Administrative Region", "HK"), ("Macau", "MO"),
        ("Tanzanie", "TZ"), ("République-Unie de Tanzanie", "TZ"), ("République islamique d’Iran", "IR"),
        ("Киргизия", "KG"), ("Кыргызстан", "KG"), ("Taiwán", "TW"), ("台湾", "TW"), ("Myanmar (Birmania)", "MM"),
        ("Bangladeche", "BD"), ("Costa do Marfim", "CI"), ("Congo-Kinshasa", "CD"),
        ("جمهورية إيران الإسلامية", "IR"), ("مملكة هولندا", "NL"), ("Россия", "RU"), ("中国", "CN"),
        ("Guinée", "GN"), ("Niger", "NE"), ("USA", "US"),
        ("Guinea", "GN"), ("Sudan", "SD"), ("Samoa", "WS"), ("Dominica", "DM"),
        ("Korea", None), ("Congo", None), ("Atlantis", None), ("", None),
    ],
)  # fmt: skip
def test_any_name_in_use_is_read(written: str, code: str | None) -> None:
    assert code_of_name(written) == code


@each_row(
    "names, codes",
    [
        ("Congo|The Congo|CONGO |Конго|刚果|الكونغو", ["CD", "CG"]),
        ("Korea|Corée|Corea|Coreia|Корея|كوريا", ["KP", "KR"]),
        ("Virgin Islands", ["VG", "VI"]),
        ("Guinea|Republic of Korea|DRC|Atlantis|", []),
    ],
)
def test_a_name_that_countries_share_names_them_all(names: str, codes: list[str]) -> None:
    assert [codes_of_shared_name(name) for name in names.split("|")] == [codes] * len(names.split("|"))


@pytest.mark.usefixtures("context")
def test_a_shared_name_is_refused_with_the_countries_and_their_codes() -> None:
    codes = country_spellings()
    with pytest.raises(Invalid) as caught:
        read_country("Congo", codes)
    assert caught.value.message == (
        "“Congo” can mean Democratic Republic of the Congo (CD) or Congo (CG). Enter the code."
    )
    with pytest.raises(Invalid, match=r"Democratic People’s Republic of Korea \(KP\) or Republic of Korea \(KR\)"):
        read_country("Korea", codes)
    assert read_country("cg", codes) == "CG"
    assert codes_of("Congo\nUSA, Korea\nke", country_names("en")) == ("Congo", "US", "Korea", "KE")


def test_no_name_in_use_belongs_to_two_countries() -> None:
    for row in _rows("country_names.csv"):
        for name in names_in_english(row["code"]):
            if codes_of_shared_name(name):
                assert name == "Congo"  # the UN's name of one, and what people call the other
                continue
            assert known_names()[name_key(name)] == row["code"], name


@each_row(
    "code, names",
    [
        ("TZ", "Tanzania|Tanzanie|Танзания|坦桑尼亚|تنزانيا"),
        ("VN", "Vietnam|Viet Nam|Вьетнам|越南|فيتنام|Vietname"),
        ("LA", "Laos|Лаос|老挝|لاوس"),
        ("RU", "Russia|Russie|Rusia|Россия|俄罗斯|روسيا|Российская Федерация"),
        ("IR", "Iran|Irán|Irã|Irão|Иран|伊朗|إيران"),
        ("KR", "South Korea|Corée du Sud|Corea del Sur|Южная Корея|韩国|南韩|كوريا الجنوبية"),
        ("TR", "Turkey|Türkiye|Turquie|Turquía|Турция|土耳其|تركيا"),
        ("BO", "Bolivia|Bolivie|Боливия|玻利维亚|بوليفيا"),
        ("MD", "Moldova|Moldavie|Молдавия|摩尔多瓦|مولدوفا"),
        ("SY", "Syria|Syrie|Siria|Сирия|叙利亚|سوريا|سورية"),
        ("GB", "UK|U.K.|Great Britain|Royaume-Uni|Grande-Bretagne|Великобритания|英国|بريطانيا"),
        ("US", "USA|U.S.A.|États-Unis|EE. UU.|EUA|США|美国|الولايات المتحدة"),
        ("CI", "Ivory Coast|Côte d’Ivoire|Costa de Marfil|Кот-д’Ивуар|科特迪瓦|ساحل العاج|كوت ديفوار"),
        ("CD", "DRC|RDC|ДР Конго|刚果民主共和国"),
        ("PS", "Palestine|Палестина|巴勒斯坦|فلسطين"),
        ("AE", "UAE|ОАЭ|阿联酋|الإمارات"),
    ],
)
def test_countries_are_known_by_common_short_names_in_seven_languages(code: str, names: str) -> None:
    assert [code_of_name(name) for name in names.split("|")] == [code] * len(names.split("|"))
