"""The blueprint of attendance's pages."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("attendance", __name__, template_folder="../templates")
