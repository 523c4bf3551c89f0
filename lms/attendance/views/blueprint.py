"""The blueprint for the attendance pages."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("attendance", __name__, template_folder="../templates")
