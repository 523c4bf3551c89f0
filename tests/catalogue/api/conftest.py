"""Those who call the API of the catalogue."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.catalogue.calls import Api
from tests.factories import Make


@pytest.fixture
def ines(client: FlaskClient, make: Make) -> Api:
    """An instructor."""
    return Api(client, make.headers(make.person("Ines", "ines@example.org", roles=["instructor"])))


@pytest.fixture
def omar(client: FlaskClient, make: Make) -> Api:
    """Another instructor."""
    return Api(client, make.headers(make.person("Omar", "omar@example.org", roles=["instructor"])))


@pytest.fixture
def admin(client: FlaskClient, make: Make) -> Api:
    """An administrator."""
    return Api(client, make.headers(make.person("Ada", roles=["administrator"])))


@pytest.fixture
def reporter(client: FlaskClient, make: Make) -> Api:
    """A reporter."""
    return Api(client, make.headers(make.person("Rita", roles=["reporter"])))


@pytest.fixture
def trainee(client: FlaskClient, make: Make) -> Api:
    """Somebody without a role."""
    return Api(client, make.headers(make.person("Tariq")))


@pytest.fixture
def anyone(client: FlaskClient) -> Api:
    """No token."""
    return Api(client, {})
