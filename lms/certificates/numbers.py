"""Certificate numbers: `SR-7K4M-92QF-XH3D-8PWN-N`.

Sixteen random characters of Crockford's base32 (80 bits) and a check character modulo 37, in groups. The check
character detects every single wrong character and every swap of two neighbours, so that a mistyped number is
distinguished from an unknown one.
"""

import secrets
from collections.abc import Callable

from lms.core.text.typed_text import SIGNS, read_signs

PREFIX = "SR"
LENGTH = 16
CHECK_SIGNS = SIGNS + "*~$=U"


def check_sign(body: str) -> str:
    """The check character of sixteen canonical characters."""
    value = 0
    for sign in body:
        value = value * 32 + SIGNS.index(sign)
    return CHECK_SIGNS[value % 37]


def write(bare: str) -> str:
    """The written form of a bare number (17 characters, as stored)."""
    groups = [bare[start : start + 4] for start in range(0, LENGTH, 4)]
    return "-".join([PREFIX, *groups, bare[LENGTH:]])


def generate(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A new random bare number.

    Drawn again where its check character would be a symbol, which is awkward in URLs, file names and on the telephone.
    This affects five of 37 characters, so less than a quarter of a bit out of 80 is lost.
    """
    while True:
        value = int.from_bytes(random_bytes(LENGTH * 5 // 8), "big")
        body = "".join(SIGNS[value >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))
        check = check_sign(body)
        if check in SIGNS:
            return body + check


def parse(typed: str) -> str | None:
    """The bare number in typed text, or None if it is not a number (or its check character is wrong).

    Accepts any case, with or without the prefix and separators; O reads as 0, I and L as 1.
    """
    signs = read_signs(typed)
    if len(signs) == len(PREFIX) + LENGTH + 1 and signs.startswith(PREFIX):
        signs = signs[len(PREFIX) :]
    if len(signs) != LENGTH + 1:
        return None
    body, check = signs[:LENGTH], signs[LENGTH]
    if not all(sign in SIGNS for sign in body) or check != check_sign(body):
        return None
    return signs
