"""The blueprint for the enrolment pages."""

from flask import Blueprint

bp = Blueprint("enrolment", __name__, template_folder="../templates")
