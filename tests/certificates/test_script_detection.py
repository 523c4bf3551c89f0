from lms.certificates.pdf.script_detection import LATIN, Writing, language_of, writing_of
from tests.rows import each_row


@each_row(
    "text, country, expected",
    [
        ("Suharto", None, LATIN),
        ("", None, LATIN),
        ("007", None, LATIN),
        ("فاطمة بن علي (Ali)", "MA", Writing("Arab", "ar", "rtl")),
        ("נֹעָה", None, Writing("Hebr", "he", "rtl")),
        ("ព្រំ សុភា", "KH", Writing("Khmr", "km")),
        ("王小明", "CN", Writing("Hans", "zh")),
        ("王小明", None, Writing("Hans", "zh")),
        ("青木直樹", "JP", Writing("Jpan", "ja")),
        ("青木 さくら", None, Writing("Jpan", "ja")),
        ("陳國華", "TW", Writing("Hant", "zh-TW")),
        ("김철수", "KR", Writing("Kore", "ko")),
        ("𞤀𞤣", "GN", Writing("Adlm", "ff", "rtl")),
    ],
)
def test_the_writing_is_that_of_most_letters(text: str, country: str | None, expected: Writing) -> None:
    assert writing_of(text, country) == expected


@each_row(
    "text, declared, expected",
    [
        ("Customs in practice", "zh", "en"),
        ("Customs in practice", "zh-Hans", "en"),
        ("RCEP and 5G: 跨境电商", "zh", "zh"),
        ("国际贸易", "zh_TW", "zh-TW"),
        ("国际贸易", "ja", "ja"),
        ("さくら", "zh", "ja"),
        ("WTO 改革与发展前景", "en", "zh"),
        ("Douanes et commerce", "fr", "fr"),
        ("Торговля", "uk", "uk"),
        ("Торговля", "fr", "ru"),
        ("Savdo", "uz", "uz"),
        ("Савдо", "uz", "uz"),
        ("Trade", "hi", "en"),
        ("التجارة", "fa", "fa"),
        ("2027", "zh", "zh"),
        ("Trade", "tlh", "tlh"),
    ],
)
def test_a_title_has_the_language_of_its_letters_else_the_declared_one(text: str, declared: str, expected: str) -> None:
    assert language_of(text, declared) == expected
