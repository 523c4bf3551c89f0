from hypothesis import given
from hypothesis import strategies as st

from lms.certificates import numbers
from tests.rows import each_row

BODIES = st.text(numbers.SIGNS, min_size=16, max_size=16)


def test_a_number_has_the_written_form() -> None:
    assert numbers.write(numbers.generate(lambda count: bytes(count))) == "SR-0000-0000-0000-0000-0"
    assert numbers.write("ZZZZZZZZZZZZZZZZ" + numbers.check_sign("Z" * 16)) == "SR-ZZZZ-ZZZZ-ZZZZ-ZZZZ-~"
    assert numbers.write("7K4M92QFXH3D8PWNN") == "SR-7K4M-92QF-XH3D-8PWN-N"


def test_numbers_are_random() -> None:
    assert len({numbers.generate() for _ in range(1000)}) == 1000


def test_a_new_number_is_letters_and_digits_only() -> None:
    assert all(numbers.generate().isalnum() for _ in range(2000))


def test_a_number_whose_check_sign_is_a_mark_is_drawn_again() -> None:
    draws = iter([(32).to_bytes(10, "big"), (5).to_bytes(10, "big")])
    assert numbers.check_sign("0" * 14 + "10") == "*"
    assert numbers.generate(lambda _size: next(draws)) == "0" * 15 + "5" + "5"


@given(BODIES)
def test_a_written_number_reads_as_itself(body: str) -> None:
    bare = body + numbers.check_sign(body)
    assert numbers.parse(bare) == numbers.parse(numbers.write(bare)) == bare


@given(BODIES, st.integers(0, 16), st.sampled_from(numbers.CHECK_SIGNS))
def test_any_one_wrong_sign_is_caught(body: str, place: int, other: str) -> None:
    signs = body + numbers.check_sign(body)
    wrong = signs[:place] + other + signs[place + 1 :]
    assert numbers.parse(wrong) == (signs if wrong == signs else None)


@given(BODIES, st.integers(0, 15))
def test_two_swapped_neighbours_are_caught(body: str, place: int) -> None:
    signs = body + numbers.check_sign(body)
    swapped = signs[:place] + signs[place + 1] + signs[place] + signs[place + 2 :]
    assert numbers.parse(swapped) == (signs if swapped == signs else None)


@st.composite
def typed(draw: st.DrawFn) -> tuple[str, str]:
    """A number as it is and as somebody types it."""
    body = draw(BODIES)
    number = body + numbers.check_sign(body)
    text = numbers.write(number) if draw(st.booleans()) else numbers.write(number).removeprefix("SR-")
    text = "".join(
        draw(st.sampled_from({"0": "0Oo", "1": "1IiLl", "-": ["-", "", " ", "–", "\t", "--"]}.get(sign, sign)))
        for sign in text
    )
    text = "".join(draw(st.sampled_from([sign, sign.lower()])) for sign in text)
    return number, draw(st.sampled_from(["", " ", "\n"])) + text + draw(st.sampled_from(["", " ", "\n"]))


@given(typed())
def test_any_typed_form_reads_as_the_number(pair: tuple[str, str]) -> None:
    assert numbers.parse(pair[1]) == pair[0]


@given(st.text() | st.text(numbers.CHECK_SIGNS, min_size=16, max_size=18) | st.from_regex(r"[0-9]{17}", fullmatch=True))
def test_any_text_reads_as_a_number_with_its_check_sign_or_as_none(text: str) -> None:
    number = numbers.parse(text)
    if number is not None:
        assert number[numbers.LENGTH :] == numbers.check_sign(number[: numbers.LENGTH])
        assert numbers.parse(numbers.write(number)) == number


@each_row(
    "text",
    [
        "",
        "SR-",
        "SR-7K4M",
        "7K4M-92QF-XH3D-8PWN",
        "SR-7K4M-92QF-XH3D-8PWN-NN",
        "XX-7K4M-92QF-XH3D-8PWN-N",
        "SR-UUUU-92QF-XH3D-8PWN-N",
    ],
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert numbers.parse(text) is None


def test_full_width_signs_of_an_input_method_are_read() -> None:
    assert numbers.parse("ＳＲ－７Ｋ４Ｍ－９２ＱＦ－ＸＨ３Ｄ－８ＰＷＮ－Ｎ") == "7K4M92QFXH3D8PWNN"
