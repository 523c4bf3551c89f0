"""create_app(): the one place that knows every slice; wires blueprints and event handlers."""

import gc
import importlib
import importlib.util
import pkgutil
from types import ModuleType
from typing import Any

from apiflask import APIFlask
from flask_migrate import Migrate
from limits.storage import storage_from_string
from werkzeug.middleware.proxy_fix import ProxyFix

from lms import __version__
from lms.config import Config
from lms.core.background import idempotency, jobs, leases, processes, recurring
from lms.core.background.processes import return_large_blocks
from lms.core.base import events, valkey
from lms.core.base.logs import configure as configure_logs
from lms.core.base.settings import resource
from lms.core.database import audit
from lms.core.database.session import db
from lms.core.storage import file_deletions, files, secret_keys
from lms.core.storage.secret_keys import data_settings
from lms.core.storage.staged import drop_old_files
from lms.core.text.i18n import _
from lms.mail import outbox, rendering, sending
from lms.mail import outbox as runs
from lms.people.queries.mail_choices import declined
from lms.web.api import api, discovery, openapi
from lms.web.forms import forms
from lms.web.pages import locale, pictures, problems, time, whole_pages
from lms.web.pages.assets import asset
from lms.web.request import answers, bodies, hooks, hosts, identity, request_log
from lms.web.request.identity import UndatedSessions

CORE_TABLES = (
    audit.AuditEntry,
    jobs.Job,
    outbox.OutboxMail,
    sending.MailTaken,
    runs.MailRun,
    idempotency.KeptAnswer,
    file_deletions.FileDeletion,
    leases.Lease,
    processes.ProcessHeartbeat,
    recurring.RecurringRun,
)
recurring.recurring("removed files", file_deletions.delete_waiting, thread=recurring.FILES)
recurring.recurring("old staged files", drop_old_files, every=60, thread=recurring.FILES)
SLICES = (
    "web",
    "mail",
    "people",
    "batches",
    "catalogue",
    "enrolment",
    "attendance",
    "materials",
    "speakers",
    "streaming",
    "discussion",
    "slides",
    "attendance_imports",
    "enrolment_questions",
    "viewing_groups",
    "nominations",
    "recordings",
    "checks",
    "feedback",
    "live",
    "certificates",
    "messages",
    "reports",
    "demo",
    "dashboards",
    "operations",
)
"""Slices, lowest first: handlers answer an event in this order."""
START_THRESHOLD = 50_000
"""The threshold of garbage collection while the `lms` command starts, as set in `lms.__main__`."""


def create_app(config: Config | None = None, *, rates_uri: str = "memory://") -> APIFlask:
    """The application, with its data folder made where it was missing. The database is made by `lms init`.

    `rates_uri`: where requests are counted for rate limits (`web.request.rates`); in this process alone unless given.
    """
    config = config or Config.load()
    config.make_folder()
    configure_logs(config.log_level)
    app = APIFlask(
        "lms",
        title="Serai",
        version=__version__,
        json_errors=False,
        static_folder=str(resource("static", "build")),
        static_url_path="/static",
        docs_path=None,
        spec_path="/api/v1/openapi.json",
    )
    secure = config.base_url.startswith("https://")
    app.config.update(data_settings(config))
    app.config.update(
        MAX_CONTENT_LENGTH=config.max_upload_mb * 1024 * 1024,
        MAX_UPLOAD_MB=config.max_upload_mb,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        SESSION_COOKIE_NAME="__Host-session" if secure else "session",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,
        RATELIMIT_HEADERS_ENABLED=True,
        OPENAPI_VERSION="3.1.0",
        SPEC_FORMAT="json",
        SERVERS=[{"url": config.base_url}],
        VALIDATION_ERROR_STATUS_CODE=422,
        VALIDATION_ERROR_DESCRIPTION="",
    )
    app.extensions["lms.config"] = config
    app.extensions[secret_keys.KEY] = secret_keys.Sealer(
        [app.config["SECRET_KEY"], *app.config["SECRET_KEY_FALLBACKS"]]
    )
    app.extensions[events.KEY] = events.EventBus()
    app.extensions[outbox.CHOICES] = declined
    app.config.update(_settings_of_rates(app, config, rates_uri))
    app.session_interface = UndatedSessions()
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.wsgi_app = hosts.OneAddress(app.wsgi_app, config)  # type: ignore[method-assign]
    if config.proxies:  # only the reader's address: scheme and host are those of the base address
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.proxies, x_proto=0)  # type: ignore[method-assign]
    request_log.init_app(app)
    bodies.init_app(app)
    answers.init_app(app)
    hooks.init_app(app)
    db.init_app(app)
    Migrate(app, db, directory=str(resource("migrations")), render_as_batch=True)
    forms.init_app(app)
    app.error_processor(api.on_schema_error)  # takes every HTTP error for itself, so the pages' handlers come after it
    problems.init_app(app)
    locale.init_app(app, config.languages)
    identity.init_app(app)
    api.init_app()
    openapi.init_app(app)
    discovery.init_app(app)
    time.init_app(app)
    rendering.init_app(app)
    pictures.init_app(app)
    app.jinja_env.globals.update(_=_, asset=asset)
    for name in SLICES:
        _wire(app, name)
    whole_pages.init_app(app)
    return app


def _settings_of_rates(app: APIFlask, config: Config, uri: str) -> dict[str, Any]:
    """Where requests are counted: in Valkey if there is one, and while it is away as without it."""
    secret = app.config["SECRET_KEY"]
    files.init_app(app, config)
    shared = valkey.init_app(app, config.valkey_url, secret=secret)
    if shared is None:
        return {"RATELIMIT_STORAGE_URI": uri, "RATELIMIT_STORAGE_OPTIONS": {"secret": secret}}
    from lms.web.request import shared_rates

    options = {"secret": secret, "shared": shared, "fallback": storage_from_string(uri, secret=secret)}
    return {"RATELIMIT_STORAGE_URI": f"{shared_rates.SCHEME}://", "RATELIMIT_STORAGE_OPTIONS": options}


def load_slices() -> None:
    """Imports all slices, so that a process that is forked from this one need not."""
    for name in SLICES:
        for room in ("models", "views", "api", "jobs", "handlers"):
            _modules(name, room)


def settle() -> None:
    """Exempts everything loaded so far from garbage collection, because it lives as long as the process.

    For each process that serves or runs a command, once its application is built: a file of 20,000 rows then takes a
    quarter less, because collections in between no longer go through the whole programme.
    """
    return_large_blocks()
    gc.freeze()
    if gc.get_threshold()[0] == START_THRESHOLD:
        gc.set_threshold(700, 10, 10)  # Python's own


def _wire(app: APIFlask, name: str) -> None:
    """Registers a slice's pages, API and handlers: the rooms that it has."""
    _modules(name, "models")
    for room in ("views",) if name == "web" else ("views", "api"):
        modules = _modules(name, room)
        for blueprint in {module.bp for module in modules if hasattr(module, "bp")}:
            app.register_blueprint(blueprint)
        for module in modules:
            if hasattr(module, "init_app"):
                module.init_app(app)
    _modules(name, "jobs")
    for handlers in _modules(name, "handlers"):
        app.extensions[events.KEY].register(handlers)


def _modules(name: str, room: str) -> list[ModuleType]:
    """The module of a layer, or all modules of a package; none where the slice has no such layer."""
    full = f"lms.{name}.{room}"
    if importlib.util.find_spec(full) is None:
        return []
    discovery = importlib.import_module(full)
    inner = [f"{full}.{module.name}" for module in pkgutil.iter_modules(getattr(discovery, "__path__", ()))]
    return [importlib.import_module(module) for module in inner] if inner else [discovery]
