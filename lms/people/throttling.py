"""How soon a password is guessed: the lists of stolen passwords that zxcvbn brings, its estimate, and the words that
everybody knows of its owner. All of it is kept here; nothing is asked of anybody outside.
"""

import re
from collections.abc import Iterable
from typing import Final

from zxcvbn.matching import RANKED_DICTIONARIES, omnimatch
from zxcvbn.scoring import most_guessable_match_sequence

_STOLEN: Final = RANKED_DICTIONARIES["passwords"]
_LONGEST: Final = 64
"""Only this many characters are checked: a longer password with a good beginning is good, and the work is bounded."""
_ENOUGH: Final = 1_000_000
"""Guesses that a password has to bear."""
_REST: Final = 5
"""Signs that have to be left when the known words are taken out."""


def is_stolen(password: str) -> bool:
    """Returns whether a password is among the 30,000 most frequent stolen passwords, in any case."""
    return password.casefold() in _STOLEN


def is_guessed_soon(password: str) -> bool:
    """Whether words, names, dates, rows of keys and their usual disguises make up so much that guessing is quick."""
    matches = omnimatch(password[:_LONGEST], RANKED_DICTIONARIES)
    return float(most_guessable_match_sequence(password[:_LONGEST], matches)["guesses"]) < _ENOUGH


def is_made_of(password: str, known: Iterable[str]) -> bool:
    """Returns whether a password consists almost entirely of the words in `known` (a name, an address)."""
    rest = password.casefold()
    words = {word for text in known for word in re.findall(r"\w{3,}", text.casefold().replace("_", " "))}
    if not any(word in rest for word in words):
        return False
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, " ")
    return len(re.sub(r"[\W_]", "", rest)) < _REST
