"""What tests of attendance share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import Babel


@pytest.fixture
def words() -> Iterator[None]:
    """Words for what is pure, without any of the product around it."""
    app = Flask("words")
    Babel(app)
    with app.app_context():
        yield
