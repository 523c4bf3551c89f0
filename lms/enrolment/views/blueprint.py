"""The blueprint for the enrolment pages."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("enrolment", __name__, template_folder="../templates")
