"""Every setting, once: name, default, type and one line of help.

Values come from the environment (`LMS_*`), then from the optional file that `LMS_CONFIG` names
(lines of `NAME=value`), then from the default here. Both may name a file with a secret instead (`LMS_SECRET_KEY_FILE`).
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url

from lms.setting_values import (
    at_least,
    bounce_url,
    contact,
    database_url,
    files_url,
    journal,
    languages,
    mail_url,
    names,
    plain,
    printed,
    scanner_url,
    site,
    switch,
    token,
    valkey_url,
    whole,
    zone,
)


class BadSetting(ValueError):
    """A setting has a value that cannot be used; the message names it."""


@dataclass(frozen=True)
class Setting:
    """One setting. `name` is without the prefix `LMS_`; `parse` turns the text into the value.

    `is_secret`: the value may hold a password, so no message shows it, and it can be read from a file of its own.
    """

    name: str
    default: str
    parse: Callable[[str], Any]
    help: str
    is_secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"LMS_{self.name}"

    @property
    def file_variable(self) -> str:
        """The environment variable that names a file with the value, of a secret."""
        return f"{self.variable}_FILE"


SETTINGS = (
    Setting("DATA", "var", plain, "Data folder: database, files, keys and mail."),
    Setting(
        "DATABASE_URL",
        "",
        database_url,
        "postgresql://user:password@host/database, percent-encoded. Empty: SQLite in the data folder.",
        is_secret=True,
    ),
    Setting(
        "DATABASE_DIRECT_URL",
        "",
        database_url,
        "URL of the same PostgreSQL without a pool such as PgBouncer in front, for signals, migrations and backups. "
        "Empty: LMS_DATABASE_URL.",
        is_secret=True,
    ),
    Setting("DATABASE_CONNECTIONS", "32", at_least(4), "Maximum number of connections of each process to PostgreSQL."),
    Setting(
        "DATABASE_PREPARED",
        "on",
        switch,
        "off: no prepared statements, for a PgBouncer before 1.21 or with max_prepared_statements = 0.",
    ),
    Setting(
        "VALKEY_URL",
        "",
        valkey_url,
        "Valkey or Redis that several servers share: valkey://user:password@host:6379/0, valkeys:// with TLS. "
        "Empty: none. See Valkey.",
        is_secret=True,
    ),
    Setting(
        "FILES",
        "",
        files_url,
        "Where uploaded and generated files are: s3://bucket/prefix?endpoint=https://host&region=name. Empty: in the "
        "data folder. See Files in object storage.",
    ),
    Setting(
        "FILES_ACCESS_KEY",
        "",
        plain,
        "Access key of LMS_FILES. Empty: AWS_ACCESS_KEY_ID or the machine's role.",
        is_secret=True,
    ),
    Setting("FILES_SECRET_KEY", "", plain, "Secret of LMS_FILES_ACCESS_KEY.", is_secret=True),
    Setting("POSTGRESQL_TOOLS", "", plain, "Folder of pg_dump and pg_restore. Empty: found on PATH."),
    Setting(
        "JOURNAL",
        "",
        journal,
        "Journal of erasures, best on another disk: a file, or a bucket as in LMS_FILES. Empty: in the data folder.",
    ),
    Setting("BASE_URL", "http://127.0.0.1:8000", site, "Public URL of the site. Other hosts are refused."),
    Setting(
        "SECRET_KEY",
        "",
        plain,
        "Signs cookies and encrypts second factors. Empty: created once, in the data folder.",
        is_secret=True,
    ),
    Setting(
        "SECRET_KEY_OLD",
        "",
        plain,
        "Previous secret, accepted until `lms keys rotate-secret --finish`.",
        is_secret=True,
    ),
    Setting(
        "MAIL_URL",
        "",
        mail_url,
        "smtp://user:pass@host:587?tls=required, smtps://user:pass@host:465 or file:///folder; "
        "empty: files in LMS_DATA. See Mail.",
        is_secret=True,
    ),
    Setting("MAIL_FROM", "Serai <no-reply@localhost>", plain, "Sender of all e-mail."),
    Setting(
        "BOUNCE_URL",
        "",
        bounce_url,
        "Mailbox of e-mails that come back: imaps://user:password@host/folder, or imap:// with STARTTLS. "
        "Empty: none. See Returned e-mails.",
        is_secret=True,
    ),
    Setting("MAIL_PER_MINUTE", "0", whole, "Maximum number of e-mails a minute, of all workers. 0: no limit."),
    Setting("ORGANISER", "Ministry of Trade", plain, "Name of the organiser, on pages, e-mails and certificates."),
    Setting(
        "SIGNATORY",
        "",
        printed,
        "Who signs certificates with the built-in design: the name below the signature line. Empty: none.",
    ),
    Setting("SIGNATORY_OFFICE", "", printed, "Office of the signatory, printed below the name. Empty: the organiser."),
    Setting("CONTACT", "lectures@ministry.example", plain, "E-mail address for help and about personal data."),
    Setting("OPERATOR", "", plain, "E-mail address to which systemd has failures of services sent. Empty: none."),
    Setting(
        "SECURITY_CONTACT",
        "",
        contact,
        "Where to report a vulnerability, https:// or mailto:, for /.well-known/security.txt. Empty: none.",
    ),
    Setting(
        "ORGANISER_NAMES",
        "ar: وزارة التجارة; es: Ministerio de Comercio; fr: Ministère du commerce; pt: Ministério do Comércio; "
        "ru: Министерство торговли; zh: 商务部",
        names,
        "Its name on pages and in e-mails in other languages. Empty, and where LMS_ORGANISER is set: that name.",
    ),
    Setting("REPORTING_ZONE", "Asia/Shanghai", zone, "IANA time zone of the organiser. Reports use its days."),
    Setting("ORGANISER_CITY", "Beijing", plain, "City shown with the organiser's time. Empty: the city of the zone."),
    Setting(
        "ORGANISER_CITY_NAMES",
        "ar: بيجين; es: Beijing; fr: Beijing; pt: Pequim; ru: Пекин; zh: 北京",
        names,
        "Its name in other languages. Empty, and where LMS_ORGANISER_CITY or LMS_REPORTING_ZONE is set: that city.",
    ),
    Setting(
        "LANGUAGES",
        "",
        languages,
        "Languages that pages and e-mails are offered in, for example `en fr ar`; English is always one. Empty: all.",
    ),
    Setting("FONTS", "", plain, "More folders of TTF or OTF fonts for certificates, separated by colons."),
    Setting("SIGNING_KEY", "", plain, "P-256 signing key (PEM or PKCS#12). Empty: created in the data folder."),
    Setting("SIGNING_PASSWORD", "", plain, "Password of the LMS_SIGNING_KEY file.", is_secret=True),
    Setting("TIMESTAMP_URL", "", plain, "Time stamp server (RFC 3161) for signatures. Empty: none."),
    Setting("MAX_UPLOAD_MB", "32", whole, "Maximum size of a file, in megabytes."),
    Setting("MAX_MATERIAL_MB", "100", at_least(1), "Maximum size of a file of a lecture, in megabytes."),
    Setting("MAX_RECORDING_MB", "4000", at_least(1), "Maximum size of an uploaded recording, in megabytes."),
    Setting(
        "RECORDINGS_KEPT",
        "0",
        whole,
        "Days after a lecture for which its recording is kept. Lecturers get an e-mail two weeks before it is deleted. "
        "0: for ever.",
    ),
    Setting(
        "SCANNER",
        "",
        scanner_url,
        "Virus scanner for files of lectures: clamd://host:3310 or clamd:///path/of/socket. Empty: none.",
    ),
    Setting(
        "SEGMENT_SECONDS",
        "2",
        at_least(1),
        "Length of the pieces in which a lecture is sent to viewers. Shorter: less delay, more requests.",
    ),
    Setting(
        "MEDIA_KEY",
        "",
        token,
        "Signs addresses of picture and sound; nginx has the same key. Empty: a key of the application alone.",
        is_secret=True,
    ),
    Setting("VIDEO_720P", "", switch, "on: also offer 720p, for four times the processor time. Empty: 360p."),
    Setting("PROXIES", "0", whole, "Number of trusted reverse proxies in front that set X-Forwarded-*."),
    Setting("WORKERS", "2", whole, "Web processes of `lms serve`. Use the number of processors."),
    Setting("THREADS", "64", whole, "Threads per web process. Up to this many heartbeats share one commit."),
    Setting(
        "STOP_SECONDS",
        "0",
        whole,
        "Seconds for which `lms serve` goes on after SIGTERM, while /readyz answers 503, so that balancers notice. "
        "See Restart without a lost request.",
    ),
    Setting(
        "STAFF_SECOND_FACTOR",
        "",
        switch,
        "on or off. Off only works in a demonstration, where it is the default. Elsewhere, staff need a second factor.",
    ),
    Setting("SESSION_DAYS", "30", at_least(1), "Days after which everyone must sign in again, even if active."),
    Setting(
        "STAFF_IDLE_MINUTES",
        "60",
        at_least(10),
        "Minutes of inactivity after which staff are signed out, at least 10. An open lecture room counts as activity.",
    ),
    Setting(
        "METRICS_TOKEN",
        "",
        token,
        "Token for /metrics from other machines, as `Authorization: Bearer …`. Empty: this machine only.",
        is_secret=True,
    ),
    Setting(
        "ADDRESSES_PER_DAY",
        "100",
        whole,
        "How many people an instructor or a focal point can enrol by e-mail address in 24 hours.",
    ),
    Setting("LOG_LEVEL", "INFO", plain, "Minimum level to log."),
)  # fmt: skip

_DEMO_MARK = "demonstration.json"
_DEMO_COMPLETE = "added"


class Config:
    """All settings, parsed. Read as attributes in lower case: `config.base_url`."""

    data: str
    database_url: str
    database_direct_url: str
    database_connections: int
    database_prepared: str
    valkey_url: str
    files: str
    files_access_key: str
    files_secret_key: str
    postgresql_tools: str
    journal: str
    base_url: str
    secret_key: str
    secret_key_old: str
    mail_url: str
    mail_from: str
    bounce_url: str
    mail_per_minute: int
    organiser: str
    organiser_names: str
    signatory: str
    signatory_office: str
    contact: str
    security_contact: str
    operator: str
    reporting_zone: str
    organiser_city: str
    organiser_city_names: str
    languages: str
    fonts: str
    signing_key: str
    signing_password: str
    timestamp_url: str
    max_upload_mb: int
    max_material_mb: int
    max_recording_mb: int
    recordings_kept: int
    scanner: str
    segment_seconds: int
    media_key: str
    video_720p: str
    proxies: int
    workers: int
    threads: int
    stop_seconds: int
    staff_second_factor: str
    session_days: int
    staff_idle_minutes: int
    metrics_token: str
    addresses_per_day: int
    log_level: str

    secret_files: tuple[Path, ...] = ()
    """The files that secrets were read from."""

    def __init__(self, values: Mapping[str, str]) -> None:
        for setting in SETTINGS:
            text = values.get(setting.variable, setting.default)
            try:
                value = setting.parse(text)
            except ValueError as error:
                shown = "" if setting.is_secret else f"={text!r}"
                raise BadSetting(f"{setting.variable}{shown} cannot be used: {error}") from error
            setattr(self, setting.name.lower(), value)
        if "LMS_REPORTING_ZONE" in values and "LMS_ORGANISER_CITY" not in values:
            self.organiser_city = ""  # the default names a city of the default zone
        if {"LMS_REPORTING_ZONE", "LMS_ORGANISER_CITY"} & set(values) and "LMS_ORGANISER_CITY_NAMES" not in values:
            self.organiser_city_names = ""
        if "LMS_ORGANISER" in values and "LMS_ORGANISER_NAMES" not in values:
            self.organiser_names = ""
        self.base_url = self.base_url.rstrip("/")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **overrides: str) -> "Config":
        """Settings from the environment and the file it names; `overrides` (names in lower case) win."""
        env = dict(os.environ if environ is None else environ)
        paths: list[Path] = []
        values: dict[str, str] = {}
        if env.get("LMS_CONFIG"):
            values.update(_with_secrets(_read_file(Path(env["LMS_CONFIG"])), paths))
        values.update(_with_secrets({name: value for name, value in env.items() if name.startswith("LMS_")}, paths))
        values.update({f"LMS_{name.upper()}": value for name, value in overrides.items()})
        config = cls(values)
        config.secret_files = tuple(paths)
        return config

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a process started with the same. None is in a file then."""
        values = {setting.variable: str(getattr(self, setting.name.lower())) for setting in SETTINGS}
        return values | {setting.file_variable: "" for setting in SETTINGS if setting.is_secret}

    @cached_property
    def folder(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data).resolve()

    def make_folder(self) -> Path:
        """The data folder, made for this user alone where it is missing."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder

    @property
    def database(self) -> str:
        """SQLAlchemy address of the database."""
        return _with_driver(self.database_url or f"sqlite:///{self.folder / 'serai.db'}")

    @property
    def direct_database(self) -> str:
        """SQLAlchemy address of the database without a pool in front: a session there is one of the server's."""
        return _with_driver(self.database_direct_url) if self.database_direct_url else self.database

    @property
    def sqlite_file(self) -> Path | None:
        """The file of the database; None where it is a PostgreSQL."""
        url = make_url(self.database)
        return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None

    @property
    def journal_file(self) -> Path:
        """The file of the journal of erasures and revocations, unless it is in object storage (see `journal`)."""
        is_file = self.journal and not self.is_journal_stored
        return Path(self.journal).resolve() if is_file else self.folder / "journal.jsonl"

    @property
    def is_journal_stored(self) -> bool:
        """Whether the journal is in object storage."""
        return self.journal.startswith("s3://")

    @property
    def unfinished_restore(self) -> Path:
        """The file that is in the data folder while a backup is restored into it."""
        return self.folder / "restore-unfinished"

    @property
    def demonstration_mark(self) -> Path:
        """The file that marks a data folder as made by `lms demo`."""
        return self.folder / _DEMO_MARK

    @property
    def is_demonstration(self) -> bool:
        """Whether the data folder was created by `lms demo`. Only there can the demo accounts sign in."""
        return self.demonstration_mark.exists()

    @property
    def mail_folder(self) -> Path | None:
        """The folder that e-mails are written to; None where a server sends them."""
        url = urlsplit(self.mail_url)
        if url.scheme == "file":
            return Path(unquote(url.path))
        return None if url.scheme else self.folder / "mail"

    @property
    def is_demonstration_incomplete(self) -> bool:
        """Whether the worker still has to add parts of the demonstration, or was interrupted (see `demo.folder`)."""
        try:
            mark = json.loads(self.demonstration_mark.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(mark, dict) and mark.get("rest", _DEMO_COMPLETE) != _DEMO_COMPLETE

    @property
    def staff_needs_second_factor(self) -> bool:
        """Whether staff roles require a second factor: everywhere except in a demonstration."""
        return self.staff_second_factor == "on" or not self.is_demonstration


def _with_driver(url: str) -> str:
    for short in ("postgres://", "postgresql://"):
        if url.startswith(short):
            return "postgresql+psycopg://" + url[len(short) :]
    return url


def _read_text(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadSetting(f"{variable}={str(path)!r} cannot be read: {reason}") from error


def _with_secrets(given: Mapping[str, str], paths: list[Path]) -> dict[str, str]:
    """The settings, with the secrets of the files that some of them name; adds these files to `paths`."""
    values = dict(given)
    for setting in SETTINGS:
        name = values.pop(setting.file_variable, "") if setting.is_secret else ""
        if not name:
            continue
        if values.get(setting.variable):
            raise BadSetting(f"{setting.variable} and {setting.file_variable} are both set: remove one of them")
        values[setting.variable] = _read_text(setting.file_variable, Path(name)).strip()
        if not values[setting.variable]:
            raise BadSetting(f"{setting.file_variable}={name!r} cannot be used: the file is empty")
        paths.append(Path(name))
    return values


def _read_file(path: Path) -> dict[str, str]:
    lines = _read_text("LMS_CONFIG", path).splitlines()
    known = {setting.variable for setting in SETTINGS}
    known |= {setting.file_variable for setting in SETTINGS if setting.is_secret}
    values = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        # Never more of the line: it may hold a secret
        if not separator:
            raise BadSetting(f"{path}, line {number}: not a setting: there is no = in it")
        if name.strip() not in known:
            raise BadSetting(f"{path}, line {number}: not a setting: {name.strip()!r}")
        values[name.strip()] = value.strip()
    return values
