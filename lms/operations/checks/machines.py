"""Whether all processes of the site run with the same, and what the configuration of nginx on this machine says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lms.config import Config
from lms.core.background.processes import ALIVE_FOR, ProcessHeartbeat, ProcessKind, list_heartbeats
from lms.core.database.session import db, is_sqlite
from lms.core.text.i18n import english as _
from lms.core.text.i18n import english_n as _n
from lms.operations.checks.model import CheckContext, Finding, fault, ok, warning
from lms.operations.checks.service import written_time
from lms.operations.machines import facts_of

LOST_FOR = timedelta(hours=1)
"""How long a process that ended without saying so is reported."""
LONG_UPDATE = timedelta(hours=1)
"""Two versions that run beside each other for longer than this are a forgotten update."""


def check_machines(context: CheckContext) -> Iterator[Finding]:
    """Which processes run where, and whether their versions, secrets, settings, storage and time zones are alike."""
    known = list_heartbeats()
    db.session.rollback()
    rows = [row for row in known if context.at - row.seen_at <= ALIVE_FOR]
    reported = [row for row in rows if row.facts]
    yield from _two_on_sqlite(rows)
    yield from _other_versions(reported, context.at)
    mine = facts_of(context.config)
    if context.config.is_demonstration:  # `lms demo` made its address of its port, which is in no setting
        mine["settings"].pop("LMS_BASE_URL")
    yield from _other_facts(reported, mine)
    yield from _missing(rows, context.config)
    yield from _lost(known, rows, context.at)
    hosts = sorted({row.host for row in rows})
    for host in hosts:
        running = _count_processes([row for row in rows if row.host == host])
        yield ok(_("processes"), running if len(hosts) == 1 else f"{host}: {running}")


def _count_processes(rows: Sequence[ProcessHeartbeat]) -> str:
    counts = {kind: sum(row.kind is kind for row in rows) for kind in ProcessKind}
    parts = [
        _n("%(num)s web process", "%(num)s web processes", counts[ProcessKind.WEB]),
        _n("%(num)s worker", "%(num)s workers", counts[ProcessKind.WORKER]),
        _n("%(num)s packager", "%(num)s packagers", counts[ProcessKind.PACKAGER]),
    ]
    return ", ".join(part for part, count in zip(parts, counts.values(), strict=True) if count)


def _two_on_sqlite(rows: Sequence[ProcessHeartbeat]) -> Iterator[Finding]:
    hosts = sorted({row.host for row in rows})
    if is_sqlite() and len(hosts) > 1:
        message = _("SQLite is used by %(count)s machines: %(hosts)s", count=len(hosts), hosts=", ".join(hosts))
        yield fault(_("processes"), message, _("Stop all but one, or move to PostgreSQL with `lms move`."))


def _other_versions(rows: Sequence[ProcessHeartbeat], at: datetime) -> Iterator[Finding]:
    starts: dict[str, list[datetime]] = {}
    for row in rows:
        starts.setdefault(str((row.facts or {}).get("version")), []).append(row.started_at)
    if len(starts) < 2:
        return
    newest = max(starts, key=lambda version: min(starts[version]))
    since = min(starts[newest])
    hosts = {row.host for row in rows if (row.facts or {}).get("version") != newest}
    message = _(
        "%(newest)s has been running since %(time)s, but %(others)s is still running on %(hosts)s",
        newest=newest,
        time=written_time(since),
        others=", ".join(sorted(starts.keys() - {newest})),
        hosts=", ".join(sorted(hosts)),
    )
    finding = fault if at - since > LONG_UPDATE else warning
    yield finding(_("version"), message, _("Finish the update: install one version on all machines, and restart."))


def _other_facts(rows: Sequence[ProcessHeartbeat], mine: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields what differs from this machine, once for each difference."""
    differing: dict[str, set[str]] = {}
    for row in rows:
        for difference in _differences(row.facts or {}, mine):
            differing.setdefault(difference, set()).add(row.host)
    for difference, hosts in differing.items():
        yield _describe(difference, ", ".join(sorted(hosts)), mine)


def _differences(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> Iterator[str]:
    """The names of the facts that differ, or of the settings."""
    secrets = theirs.get("secrets") or [""]
    if secrets[0] not in mine["secrets"] or mine["secrets"][0] not in secrets:
        yield "secrets"
    elif secrets[0] == mine["secrets"][0]:  # or the digests of the settings cannot be compared
        settings = theirs.get("settings") or {}
        yield from (name for name, digest in settings.items() if mine["settings"].get(name, digest) != digest)
    for name in ("storage", "time_zones"):
        if theirs.get(name) and mine[name] and theirs[name] != mine[name]:
            yield name
    if "signing_key" in theirs and theirs["signing_key"] is None and mine["signing_key"]:
        yield "signing_key"


def _describe(difference: str, hosts: str, mine: Mapping[str, Any]) -> Finding:
    if difference == "secrets":
        message = _("another secret is used on %(hosts)s: sign-ins there are not valid here", hosts=hosts)
        return fault(_("secret"), message, _("Set the same LMS_SECRET_KEY on all machines, and restart."))
    if difference == "storage":
        message = _("other stored files are used on %(hosts)s", hosts=hosts)
        remedy = _("Set LMS_FILES to the same bucket on all machines, or share the folder files of the data folder.")
        return fault(_("files"), message, remedy)
    if difference == "time_zones":
        message = _("other time zones than %(version)s are used on %(hosts)s", version=mine["time_zones"], hosts=hosts)
        return fault(_("time zones"), message, _("Install the same tzdata on all machines, and restart."))
    if difference == "signing_key":
        message = _("there is no key to sign certificates with on %(hosts)s", hosts=hosts)
        remedy = _("Set LMS_SIGNING_KEY to a copy of the same key file on all machines, and restart.")
        return fault(_("signing key"), message, remedy)
    message = _("%(name)s has another value on %(hosts)s", name=difference, hosts=hosts)
    return fault(_("settings"), message, _("Set the same value on all machines, and restart."))


def _missing(rows: Sequence[ProcessHeartbeat], config: Config) -> Iterator[Finding]:
    """Processes that are needed beside those that run. SQLite's worker and packager are begun by `lms serve`."""
    kinds = {row.kind for row in rows}
    if ProcessKind.WEB in kinds and ProcessKind.PACKAGER not in kinds and config.sqlite_file is None:
        message = _("no packager is running: lectures in the browser are received but cannot be watched")
        yield warning(_("processes"), message, _("Start `lms packager`."))


def _lost(known: Sequence[ProcessHeartbeat], alive: Sequence[ProcessHeartbeat], at: datetime) -> Iterator[Finding]:
    """Processes that ended within the hour without saying so, and that no other on their machine has replaced."""
    running = {(row.host, row.kind) for row in alive}
    reported = {ProcessKind.WORKER, ProcessKind.PACKAGER} - {row.kind for row in alive}  # as none is left
    lost: dict[tuple[str, ProcessKind], datetime] = {}
    for row in known:
        if row.kind not in reported and (row.host, row.kind) not in running and at - row.seen_at <= LOST_FOR:
            lost[row.host, row.kind] = max(row.seen_at, lost.get((row.host, row.kind), row.seen_at))
    for (host, kind), seen_at in lost.items():
        values = {"host": host, "time": written_time(seen_at)}
        message = {
            ProcessKind.WEB: _("no web process on %(host)s since %(time)s", **values),
            ProcessKind.WORKER: _("no worker on %(host)s since %(time)s", **values),
            ProcessKind.PACKAGER: _("no packager on %(host)s since %(time)s", **values),
        }[kind]
        remedy = _("Start it again. For a machine that is gone for good, this disappears within an hour.")
        yield warning(_("processes"), message, remedy)


def check_media_key(context: CheckContext) -> Iterator[Finding]:
    """Whether nginx on this machine checks addresses of picture and sound with the key that signs them."""
    remedy = _("Set LMS_MEDIA_KEY, write its value into the map of $serai_media_key, and reload nginx.")
    for path, key in find_media_keys():
        if key == EXAMPLE_KEY:
            message = _("%(path)s still has the example of a key: nobody can watch lectures in the browser", path=path)
            yield warning(_("video"), message, remedy)
            continue
        if not context.config.media_key:
            message = _("%(path)s has a key, but LMS_MEDIA_KEY is empty: nobody can watch through nginx", path=path)
        elif key != context.config.media_key:
            message = _("%(path)s has another key than LMS_MEDIA_KEY: nobody can watch through nginx", path=path)
        else:
            yield ok(_("video"), _("nginx has the key of LMS_MEDIA_KEY"))
            continue
        yield fault(_("video"), message, remedy)


FOLDERS = ("/etc/nginx/conf.d", "/etc/nginx/sites-enabled")
EXAMPLE_KEY = "the-value-of-LMS_MEDIA_KEY"
"""What `deploy/nginx` has in place of a key."""
_MEDIA_KEY = re.compile(r'map\s+\$host\s+\$serai_media_key\s*\{\s*default\s+"?([^";\s]+)"?\s*;')


def find_media_keys() -> Iterator[tuple[Path, str]]:
    """The keys that nginx checks addresses of picture and sound with, by file; none where no file can be read."""
    for folder in FOLDERS:
        try:
            paths = sorted(Path(folder).glob("*"))
            texts = [(path, path.read_text(encoding="utf-8", errors="replace")) for path in paths if path.is_file()]
        except OSError:
            continue
        for path, text in texts:
            if match := _MEDIA_KEY.search(text):
                yield path, match[1]
