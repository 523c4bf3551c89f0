"""How the text of a setting becomes its value: each function returns it, or raises ValueError with what is needed."""

from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

LANGUAGES = ("en", "fr", "es", "ru", "ar", "zh", "pt")
"""Languages into which pages and e-mails can be translated. The source language is English."""


def plain(value: str) -> str:
    """Any text."""
    return value


def whole(value: str) -> int:
    """A whole number of 0 or more."""
    number = int(value)
    if number < 0:
        raise ValueError("a whole number of 0 or more")
    return number


def at_least(least: int) -> Callable[[str], int]:
    """A function for whole numbers of `least` or more."""

    def parse(value: str) -> int:
        number = whole(value)
        if number < least:
            raise ValueError(f"a whole number of {least} or more")
        return number

    return parse


def switch(value: str) -> str:
    """`on`, `off` or nothing."""
    if value not in {"", "on", "off"}:
        raise ValueError("on or off")
    return value


def site(value: str) -> str:
    """The address of a site."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address such as https://lectures.example")
    return value


def zone(value: str) -> str:
    """An IANA time zone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("an IANA time zone such as Asia/Shanghai") from error
    return value


def languages(value: str) -> str:
    """Codes of languages that can have a catalogue, separated by spaces; or nothing."""
    if any(code not in LANGUAGES for code in value.split()):
        raise ValueError(f"languages among {' '.join(LANGUAGES)}, separated by spaces")
    return value


def names(value: str) -> str:
    """Names in other languages than English, such as `pt: Pequim; ru: Пекин`; or nothing."""
    for part in filter(None, map(str.strip, value.split(";"))):
        code, colon, name = part.partition(":")
        if not colon or not name.strip() or code.strip() not in LANGUAGES:
            raise ValueError("names such as pt: Pequim; ru: Пекин")
    return value


def name_in(value: str, code: str) -> str | None:
    """The name in a language, of a setting with `names`."""
    parts = (part.partition(":") for part in value.split(";"))
    return next((name.strip() for language, _colon, name in parts if language.strip() == code), None)


def token(value: str) -> str:
    """Nothing, or at least 20 visible ASCII characters."""
    if value and (len(value) < 20 or not value.isascii() or not value.isprintable() or " " in value):
        raise ValueError("use at least 20 visible ASCII characters")
    return value


def printed(value: str) -> str:
    """One line of at most 80 characters."""
    if len(value) > 80 or not value.isprintable():
        raise ValueError("one line of at most 80 characters")
    return value


def contact(value: str) -> str:
    """Nothing, or an address with mailto: or https."""
    url = urlsplit(value)
    is_mail = url.scheme == "mailto" and "@" in url.path
    if value and (not value.isprintable() or " " in value or not (is_mail or (url.scheme == "https" and url.hostname))):
        raise ValueError("an address such as mailto:security@lectures.example or https://lectures.example/security")
    return value


def scanner_url(value: str) -> str:
    """Nothing, or the address of a clamd."""
    url = urlsplit(value)
    if value and (url.scheme != "clamd" or not (url.hostname or url.path.startswith("/"))):
        raise ValueError("clamd://host:port or clamd:///path")
    return value


def mail_url(value: str) -> str:
    """Nothing, or where e-mail is delivered."""
    url = urlsplit(value)
    tls = parse_qs(url.query, keep_blank_values=True).get("tls", [])
    allowed = {"smtp": [[], ["off"], ["required"]]}.get(url.scheme, [[]])
    if url.scheme not in {"", "file", "smtp", "smtps"} or tls not in allowed:
        raise ValueError("smtp://host:port (with ?tls=required or ?tls=off), smtps://host:port or file:///folder")
    return value


def bounce_url(value: str) -> str:
    """Nothing, or the mailbox of returned e-mail."""
    url = urlsplit(value)
    parts = [unquote(part or "") for part in (url.username, url.password, url.path)]
    is_whole = url.scheme in {"imap", "imaps"} and url.hostname and parts[0] and parts[1]
    if value and not (is_whole and all(part.isprintable() for part in parts) and parts[2].isascii()):
        raise ValueError("imaps://user:password@host/folder or imap://user:password@host/folder, percent-encoded")
    _ = url.port  # ValueError where it is none
    return value


def database_url(value: str) -> str:
    """Nothing, or the address of a PostgreSQL or a file of SQLite."""
    url = urlsplit(value)
    is_known = url.scheme.partition("+")[0] in {"postgresql", "postgres", "sqlite"}
    port = url.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
    if value and not (is_known and (port.isdigit() or not port)):
        raise ValueError("postgresql://user:password@host/database, percent-encoded, or nothing for SQLite")
    return value


def valkey_url(value: str) -> str:
    """Nothing, or the address of a Valkey or Redis."""
    url = urlsplit(value)
    is_server = url.scheme in {"valkey", "valkeys", "redis", "rediss"} and url.hostname
    is_socket = url.scheme in {"valkey+unix", "redis+unix"} and url.path.startswith("/")
    if value and not (is_server or is_socket):
        raise ValueError("valkey://host:port/0, valkeys:// or rediss:// with TLS, or valkey+unix:///path")
    _ = url.port  # ValueError where it is none
    return value


def files_url(value: str) -> str:
    """Nothing, or the address of a bucket."""
    url = urlsplit(value)
    query = parse_qs(url.query, keep_blank_values=True)
    endpoint = urlsplit(query.get("endpoint", ["https://storage"])[0])
    is_whole = url.scheme == "s3" and url.netloc and not {"@", ":"} & set(url.netloc)
    is_known = set(query) <= {"endpoint", "region"} and all(len(values) == 1 for values in query.values())
    if value and not (is_whole and is_known and endpoint.scheme in {"http", "https"} and endpoint.hostname):
        raise ValueError("s3://bucket/prefix?endpoint=https://host&region=name, without credentials")
    return value


def journal(value: str) -> str:
    """Nothing, a file, or the address of a bucket."""
    return files_url(value) if value.startswith("s3://") else value
