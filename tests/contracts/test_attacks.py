"""What has gone wrong in systems like this one, tried at every door: payloads, redirects, forged hosts, more fields."""

from __future__ import annotations

import ast
import csv
import io
import itertools
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import Enum, String, cast, inspect, literal, select, text, update
from werkzeug.routing import Rule

from lms.core.database.session import Base, action, db
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from lms.people.models import Person, RoleGrant
from lms.web.request.hosts import ANY_HOST
from lms.web.views import is_local
from tests.contracts.crawl import Crawl
from tests.contracts.matrix import BODIES, TABLE
from tests.contracts.sources import trees
from tests.contracts.world import ROLES, World

pytestmark = pytest.mark.xdist_group("world")

TYPED = {
    "person": {"full_name", "native_name", "organisation", "job_title"},
    "series": {"title", "description"},
    "lecture": {"title", "abstract", "reason"},
    "api_token": {"name"},
    "certificate": {"name", "native_name", "series_title", "reason"},
    "snapshot": {"title", "withdrawn_reason"},
    "snapshot_dossier": {"title"},
    "opening_set": {"name", "note"},
    "opening_row": {"title", "series_name"},
    "attendance_import": {"file_name"},
    "stream_source_file": {"file_name"},
    "correction": {"reason"},
    "correction_batch": {"reason"},
    "enrolment_batch": {"reason"},
    "lecture_change": {"reason"},
    "person_merge": {"reason"},
    "country_merge": {"reason"},
    "decision_batch": {"reason"},
    "unmatched_attendee": {"name"},
    "appeal": {"text", "joined_as", "answer"},
    "closing": {"reason"},
    "saved_report": {"name"},
    "design_family": {"name"},
    "viewing_group": {"city", "room", "organiser"},
    "group_signature": {"statement", "reason"},
    "speaker": {"full_name", "native_name", "position", "about"},
    "lecture_file": {"title", "file_name", "finding"},
    "message": {"search", "subject", "text"},
    "seat_entry": {"nominee"},
    "nomination": {"full_name", "native_name", "organisation", "job_title", "reason", "letter_name"},
    "requested_change": {"value"},
    "question": {"text", "answer", "reason"},
    "poll": {"text"},
    "knowledge_check": {"title"},
    "hidden_comment": {"reason"},
}
"""The columns of text that somebody writes freely."""
ENDLESS = {"live.state"}
MARKUP = """"'><img src=x onerror=alert(1)><svg/onload=alert(2)></script><script>alert(3)</script>{{7*7}}
[press](javascript:alert(4)) <a href="javascript:alert(5)" onclick="alert(6)">x</a>"""
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1")
ELSEWHERE = (
    "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "\t//evil.example", "/\n/evil.example",
    "///evil.example", "https://evil.example", "https:evil.example", "HTTPS:/evil.example", "javascript:alert(1)",
    "java\tscript:alert(1)", "data:text/html,x", "evil.example", "//evil.example/%2f..", "/\x00/evil.example", "",
)  # fmt: skip


@pytest.fixture(scope="module")
def marked(world: World) -> list[tuple[str, str, Any]]:
    """All that can be read while there is markup in every text."""
    write_everywhere(world, MARKUP)
    return list(answers(world))


@pytest.fixture(scope="module")
def calculated(world: World) -> list[tuple[str, str, Any]]:
    """All that can be read while there are formulas, and a name that no file should have, in every text."""
    write_everywhere(world, *FORMULAS, 'a"; filename=evil.exe\r\nX-Evil: 1 \u202efdp.exe ../../etc')
    return list(answers(world))


@pytest.fixture(autouse=True)
def _as_it_was(world: World) -> Iterator[None]:
    yield
    world.restore()


def write_everywhere(world: World, *words: str) -> None:
    """Puts these words in turn, as if no door had cleaned them, into everything that somebody writes freely."""

    @action
    def write() -> None:
        turns = itertools.cycle(words)
        for table, columns in TYPED.items():
            values: dict[str, Any] = {column: next(turns) for column in sorted(columns)}
            if table == "design_family":  # no two of one name
                values = {"name": literal(values["name"]) + cast(Base.metadata.tables[table].c.id, String)}
            db.session.execute(update(Base.metadata.tables[table]).values(values))
        texts = dict.fromkeys(("participation", "completion", "sentence", "office"), words[0])
        spec = {"signatory": words[0], "words": {"en": texts, "fr": texts}}
        db.session.execute(update(Base.metadata.tables["certificate_design"]).values(spec=spec))
        lectures = Base.metadata.tables["lecture"]
        link = {"title": words[0], "url": "https://x.example/a"}
        texts = {"en": {"abstract": words[0]}, "ar": {"title": words[0]}}
        values = {"materials": [link], "join_url": "https://x.example/b", "text_language": "fr", "translations": texts}
        db.session.execute(update(lectures).values(values))

    with world.app.app_context():
        write()


def doors(world: World, *methods: str) -> list[tuple[str, Rule]]:
    return [
        (method, rule)
        for rule in sorted(world.app.url_map.iter_rules(), key=lambda rule: rule.rule)
        for method in sorted((rule.methods or set()) & set(methods))
        if rule.endpoint not in ENDLESS
    ]


def address(world: World, method: str, rule: Rule, role: str, **more: Any) -> str:
    values = world.arguments(rule.endpoint, set(rule.arguments), role, "mine") | more
    path: str = world.app.url_map.bind("localhost").build(rule.endpoint, values, method=method)
    return path


def answers(world: World, crawl: Crawl | None = None) -> Iterator[tuple[str, str, Any]]:
    """Whatever each role may read, at every door: (role, address, answer). Who may read it, the matrix says.

    `crawl`: what it was answered is not asked for again.
    """
    for method, rule in doors(world, "GET"):
        for role, sign in zip(ROLES, TABLE[f"GET {rule.rule}"][0], strict=True):
            if sign not in "yw":
                continue
            for kind in ("csv", "xlsx", "json", "pdf", "md") if "kind" in rule.arguments else ("",):
                path = address(world, method, rule, role, **({"kind": kind} if kind else {}))
                if crawl is not None and not kind:
                    answer = crawl.read(method, rule, role, "mine").answer
                else:
                    answer = world.call(role, method, path, None)
                    answer.get_data()  # what is streamed is read within its request
                if answer.status_code == 200:
                    yield role, path, answer


def runs(address: str) -> bool:
    """Whether a browser runs a script where it would follow an address; what stands in a local query is text."""
    return "script:" in address.partition("?")[0] or (not address.startswith("/") and "script:" in address)


class Page(HTMLParser):
    """What a browser would run of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        for name, value in attributes:
            bare = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or (name in {"href", "src", "action", "formaction"} and runs(bare)):
                self.faults.append(f"<{tag} {name}={value}>")
        if tag == "script" and not (given.get("src") or given.get("nonce") or given.get("type")):
            self.faults.append("<script>")
        if tag in {"img", "svg"} and (given.get("src") == "x" or "onload" in given):
            self.faults.append(f"<{tag}>")


# Stored payloads


def test_every_column_of_text_is_either_typed_freely_or_known_not_to_be() -> None:
    made = {
        "public_id", "digest", "key", "key_hash", "secret_hash", "password_hash", "code_hash", "secret", "salt",
        "pending_secret", "address", "address_key", "locale", "language", "text_language", "time_zone", "slug", "code",
        "iso", "numeric", "title_language",
        "kind", "verb", "error", "template", "dedupe_key", "body", "question", "purpose", "text_version", "number",
        "join_url", "recording_url", "content", "file_key", "what", "evidence", "email", "credential",
        "kid", "certificate", "organiser", "signatory", "signatory_office", "country", "base_url", "title_key",
        "country_code", "sort_name",
        "search_name", "search_organisation",
        "name_key", "failure", "format", "signature", "browser", "system", "worker", "picture", "job",
        "email_key", "letter_digest", "letter_type", "content_of", "sealed", "program", "version",
    }  # fmt: skip
    unknown = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String) and not isinstance(column.type, Enum) and not column.foreign_keys
        and column.name not in made | TYPED.get(table.name, set()) and table.name != "region"
    }  # fmt: skip
    unknown -= {"outbox_mail.state", "outbox_mail.reason", "bounce_mailbox.fault"}  # one of a few words each
    unknown -= {"feedback_release.stamp"}  # a digest of what a release was made of
    unknown -= {"lease.name", "lease.holder", "schema_step.before", "schema_step.after"}  # made by processes
    unknown -= {"stream_session.page"}  # made by the script of a page, and compared with the next one only
    # Of our own making
    unknown -= {"file_deletion.key", "outbox_mail.taken_by", "recurring_run.name", "recurring_run.error"}
    assert unknown == set(), "say in TYPED that people write it, or that it is made"


@pytest.mark.long
def test_a_payload_in_every_text_runs_on_no_page(marked: list[tuple[str, str, Any]]) -> None:
    seen = 0
    for role, path, answer in marked:
        if answer.mimetype == "text/html":
            shown = answer.get_data(as_text=True)
            seen += "onerror" in shown
            assert Page(shown).faults == [], (role, path)
            assert "{{7*7}}" in shown or "alert(3)" not in shown, (role, path)
    assert seen > 30, "the payload is shown, as text"


def test_a_payload_in_mail_is_plain_text_and_adds_no_header(world: World) -> None:
    nasty = "Evil\r\nBcc: all@evil.example\r\n\r\n" + MARKUP
    place = world.places["mine"]
    world.call("anonymous", "POST", "/forgot", {"email": "trainee@x.example"})
    world.call("administrator", "PATCH", f"/api/v1/enrolments/{place.enrolment_id}", {"status": "withdrawn"})
    with world.app.app_context():
        config = world.app.extensions["lms.config"]
        mails = list(db.session.scalars(select(OutboxMail)))
        assert len({mail.template for mail in mails}) >= 2
        for mail in mails:
            mail.payload = {
                name: nasty if isinstance(value, str) and not name.endswith(("_at", "zone", "kind", "what")) else value
                for name, value in mail.payload.items()
            }
            message = render(mail, config)
            kinds = {part.get_content_type() for part in message.walk() if not part.is_multipart()}
            assert {"text/plain", "text/html"} <= kinds <= {"text/plain", "text/html", "text/calendar"}
            html = message.get_body(("html",))
            assert html is not None
            assert re.findall(r"<(?:img|svg|script)", html.get_content()) == []
            assert sorted(set(message.keys()) - {"List-Unsubscribe", "List-Unsubscribe-Post"}) == sorted(
                ["Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "MIME-Version"]
            )
            assert len(message.keys()) == len(set(message.keys()))
            assert "\n" not in str(message["Subject"])
        mails[0].address = "a@x.example\r\nBcc: all@evil.example"
        with pytest.raises(ValueError, match="CR or LF"):
            render(mails[0], config)
        db.session.rollback()


@pytest.mark.long
def test_a_formula_in_every_text_is_harmless_in_every_file(calculated: list[tuple[str, str, Any]]) -> None:
    files = set()
    for _role, path, answer in calculated:
        cells: list[Any] = []
        if answer.mimetype == "text/csv":
            cells = [cell for row in csv.reader(io.StringIO(answer.get_data(as_text=True))) for cell in row]
        elif "spreadsheet" in answer.mimetype:
            book = CalamineWorkbook.from_filelike(io.BytesIO(answer.get_data()))
            sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
            cells = [cell for rows in sheets for row in rows for cell in row if isinstance(cell, str)]
        else:
            continue
        files.add(re.sub(r"\d+", "", path))
        bad = [cell for cell in cells if str(cell).startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert bad == [], path
    assert len(files) >= 4


# Where one is led


def lands(location: str) -> str | None:
    """The host that a browser goes to: it takes tabs and line breaks out, and a backslash for a slash."""
    read = re.sub(r"[\t\r\n]", "", location).strip("\x00 ").replace("\\", "/")
    return urlsplit(urljoin("http://localhost/here", read)).hostname


def test_no_door_leads_elsewhere(world: World) -> None:
    for where in ELSEWHERE:
        assert not is_local(where), where
        assert led_to(world, where) >= 1


def led_to(world: World, where: str) -> int:
    """How many doors led somewhere else in this site, and none there."""
    led = 0
    for path, body in (
        ("/language", {"lang": "en"}),
        ("/zone", {"time_zone": "UTC"}),
        ("/sign-in", {"email": "trainee@x.example", "password": "a long enough one"}),
        ("/sign-out", {}),
    ):
        for role in ("anonymous", "trainee"):
            answer = world.call(role, "POST", path, {**body, "next": where})
            if answer.location:
                led += 1
                assert lands(answer.location) == "localhost", path
                assert not answer.location.lower().startswith(("javascript", "data"))
    return led


def test_no_page_leads_elsewhere(world: World) -> None:
    """`is_local` refuses all of ELSEWHERE, so one of them is enough to see that each page asks it."""
    where = ELSEWHERE[0]
    for method, rule in doors(world, "GET"):
        path = address(world, method, rule, "anonymous")
        answer = world.app.test_client().get(path, query_string={"next": where}, headers={"Referer": where})
        if answer.location and rule.endpoint == "catalogue.lecture_to_calendar":  # wherever it was asked to lead
            assert lands(answer.location) == "calendar.google.com"
            assert answer.location == world.app.test_client().get(path).location
        elif answer.location:
            assert lands(answer.location) == "localhost", rule.rule


def test_a_forged_host_reaches_no_mail_and_no_page(world: World) -> None:
    client = world.app.test_client(use_cookies=False)
    cookie = world.clients["anonymous"].get_cookie("session")
    assert cookie is not None
    forged = {
        "Host": "localhost:8443",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Cookie": f"session={cookie.value}",
    }
    for path in ("/forgot", "/sign-in/link"):
        sent = {"email": "trainee@x.example", "csrf_token": world.csrf["anonymous"]}
        assert client.post(path, data=sent, headers=forged).status_code == 200
        assert client.post(path, data=sent, headers=forged | {"Host": "evil.example"}).status_code == 400
    with world.app.app_context():
        config = world.app.extensions["lms.config"]
        mails = [render(mail, config).get_body(("plain",)) for mail in db.session.scalars(select(OutboxMail))]
        links = [mail.get_content() for mail in mails if mail is not None]
    assert any("http://localhost/" in content for content in links)
    assert not any(name in content for content in links for name in ("evil.example", ":8443"))
    for method, rule in doors(world, "GET"):
        if rule.arguments:
            continue
        path = address(world, method, rule, "anonymous")
        answer = client.get(path, headers=forged)
        for name in ("evil.example", ":8443"):
            assert name not in answer.data.decode(errors="replace"), rule.rule
            assert name not in (answer.location or ""), rule.rule
        if path not in ANY_HOST:
            assert client.get(path, headers=forged | {"Host": "evil.example"}).status_code == 400, rule.rule


# More than was asked for


def held(world: World) -> Any:
    """What nobody changes by a field of a form: who has which role, who is who, whether an account is open."""
    with world.app.app_context():
        roles = select(RoleGrant.person_id, RoleGrant.role, RoleGrant.country_id, RoleGrant.revoked_at)
        people = select(Person.id, Person.public_id, Person.canonical_id)
        accounts = text("SELECT person_id, disabled_at FROM account ORDER BY person_id")
        return [db.session.execute(query).all() for query in (roles, people.order_by(Person.id), accounts)]


@pytest.mark.parametrize(
    "role",
    ["trainee", *(pytest.param(role, marks=pytest.mark.long) for role in ("anonymous", "instructor", "focal point"))],
)
def test_fields_that_nobody_asked_for_change_nothing(world: World, role: str) -> None:
    columns = {column.key for table in (Person, RoleGrant) for column in inspect(table).columns}
    assert {"id", "public_id", "canonical_id", "role", "country_id"} <= columns
    extra = {
        "role": "administrator", "roles": "administrator", "is_administrator": "1", "id": "1", "person_id": "1",
        "public_id": "own", "canonical_id": "1", "country_id": "1", "disabled_at": "", "password_hash": "x",
        "awaits_code": "", "taken": "0", "account": "1",
    }  # fmt: skip
    before = held(world)
    for method, rule in doors(world, "POST", "PATCH", "PUT", "DELETE"):
        body = BODIES.get(f"{method} {rule.endpoint}", {})
        sent = body(world.places["mine"]) if callable(body) else body
        if TABLE[f"{method} {rule.rule}"][0][ROLES.index(role)] in "sn":
            continue  # refused before anything of it is read, as the matrix proves
        version = world.version()
        answer = world.call(role, method, address(world, method, rule, role), {**extra, **sent})
        assert answer.status_code < 500, rule.rule
        if world.version() == version:
            continue
        now = held(world)
        added = [set(rows) - set(was) for rows, was in zip(now, before, strict=True)]
        # Registering, enrolling and taking part may make somebody; nobody known, no role and no account is changed
        assert added[0] == set(), f"{rule.rule} gave the {role} a role"
        assert {row[0] for row in added[1]} & {row[0] for row in before[1]} == set(), rule.rule
        assert set(before[0]) - set(now[0]) == set(), rule.rule
        world.restore()


# Headers


SAME_FOR_EVERYBODY = re.compile(
    r"/sitemap\.xml|(/series/[^/]+|/lectures/\d+)?/picture\.png|/series/[^/]+/calendar\.ics"
)
"""What caches may keep, whoever asked for it."""


@pytest.mark.long
def test_every_answer_has_its_guards(world: World, crawl: Crawl) -> None:
    for role, path, answer in answers(world, crawl):
        if path.startswith("/static/"):
            continue
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy or path == "/impact/embed", path
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] in {"same-origin", "strict-origin", "no-referrer"}
        if SAME_FOR_EVERYBODY.fullmatch(path.partition("?")[0]):
            assert "Set-Cookie" not in answer.headers, path
        elif path.startswith("/calendar/"):  # asked again and again: a program keeps it, and is told of what changed
            assert answer.headers["Cache-Control"] == "private, no-cache", path
        elif role != "anonymous":
            assert "no-store" in answer.headers.get("Cache-Control", ""), (role, path)
        for cookie in answer.headers.getlist("Set-Cookie"):
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert "no-store" in answer.headers.get("Cache-Control", ""), path


@pytest.mark.long
def test_a_file_has_a_name_that_every_system_takes(calculated: list[tuple[str, str, Any]]) -> None:
    named = 0
    for _role, path, answer in calculated:
        given = answer.headers.get("Content-Disposition")
        assert "X-Evil" not in answer.headers
        if given is not None and not path.startswith("/static/"):
            named += 1
            endings = "csv|xlsx|pdf|png|gif|jwt|json|ics|md|vtt|txt"
            plain = rf'(attachment|inline); filename="?[A-Za-z0-9][A-Za-z0-9._-]*\.({endings})"?'
            assert re.fullmatch(plain + r"(; filename\*=UTF-8''[A-Za-z0-9%._~-]+)?", given), (path, given)
    assert named > 10


# The whole


def test_no_get_changes_anything() -> None:
    """But the number of downloads of a file."""
    changing = [row for row, signs in TABLE.items() if row.startswith("GET ") and "w" in "".join(signs)]
    assert changing == ["GET /lectures/<int:lecture_id>/files/<file_id>"]


def test_a_page_takes_no_file_above_the_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(world.app.config, "MAX_CONTENT_LENGTH", 1000)
    taken = 0
    for method, rule in doors(world, "POST"):
        takes_files = ("/import", "/attendance-imports", "/enrolments", "/file")
        if not rule.rule.endswith(takes_files) or rule.endpoint == "reports_api.fetch_rows":
            continue
        big = lambda: (io.BytesIO(b"x" * 5000), "f.csv")  # noqa: E731
        role = "focal point" if rule.rule.startswith("/country/") else "administrator"
        answer = world.call(role, method, address(world, method, rule, role), {"file": big})
        assert answer.status_code == 413, rule.rule
        taken += 1
    assert taken >= 3


def test_debugging_is_off(world: World) -> None:
    assert world.app.debug is False
    assert world.app.test_client().get("/console").status_code == 404
    answer = world.app.test_client().get("/lectures/999999?__debugger__=yes&cmd=resource&f=debugger.js")
    assert (answer.status_code, "Traceback" in answer.text) == (404, False)


def test_the_product_fetches_no_address_that_somebody_gave() -> None:
    """No meeting's or recording's address is called by the server: there is nothing to forge a request with.

    The time stamp server of `LMS_TIMESTAMP_URL` is named by whoever runs the site, and by nobody else.
    """
    callers = {"requests", "httpx", "urllib.request", "urllib3", "http.client", "aiohttp", "ftplib", "pycurl"}
    fetching = set()
    for path, tree in trees().items():
        for node in ast.walk(tree):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            fetching |= {f"{path.name}: {name}" for name in names if name in callers}
    assert fetching == {"signer.py: urllib.request"}
