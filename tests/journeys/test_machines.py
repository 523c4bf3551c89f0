"""A live lecture on several machines, while each process and each engine is killed and comes back.

Three web machines, two workers and a packager, nginx, PostgreSQL, Valkey and object storage. What was
acknowledged is in the database once, whatever was killed; the status page says what is degraded meanwhile.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiosmtpd.controller import Controller
from apiflask import APIFlask
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select

from lms.app import create_app
from lms.attendance.models.credits import Correction, Credit
from lms.attendance.models.evidence import Beat, Join
from lms.certificates.models import Certificate
from lms.config import Config
from lms.core.database.session import db
from lms.core.time import clock
from lms.live.tokens import read_token
from lms.operations.initialise import prepare
from lms.people.models import Person
from lms.streaming.models import Stream, StreamState
from lms.streaming.queries import list_epochs
from tests.engines.s3 import run_storage
from tests.engines.valkey_server import ValkeyServer
from tests.factories import PASSWORD, Make
from tests.journeys.machines import Cluster, Front, Machine, Network, Visitor, until
from tests.mail_sink import Sink
from tests.ports import free_port
from tests.proxy import Certificate as TlsCertificate
from tests.streaming.media import chunks_of, webm

pytestmark = [pytest.mark.long(seconds=240), pytest.mark.xdist_group("nginx")]
SECRET = "tests-only"
MEDIA_KEY = "a-key-of-picture-and-sound"
MACHINES = {"web-1": "serve", "web-2": "serve", "web-3": "serve", "worker-1": "worker", "worker-2": "worker",
            "packager-1": "packager"}  # fmt: skip
VIEWERS, LATECOMERS = 10, 40
MAILS_PER_MINUTE = 90
"""So few that e-mails leave all the time while things are killed."""
CHUNK_SECONDS, CHUNKS = 2, 20
NGINX_RETRIES_AFTER = 6
"""Seconds after which nginx sends requests again to a server that was away."""
R = TypeVar("R")


@dataclass
class Programme:
    """What is there when the machines start."""

    slug: str
    lecture_id: int
    held_id: int
    people: list[Person] = field(default_factory=list)
    """Enrolled in the series; attended the earlier lecture according to nobody yet."""


class Site:
    """All machines and engines."""

    def __init__(self, folder: Path, certificate: TlsCertificate, stack: contextlib.ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.network = Network()
        self.stack.callback(self.network.close)
        self.port = free_port()
        self.trusting = certificate.trusting()
        self.cluster = self._start_database()
        self.valkey = ValkeyServer(folder, "--bind", "127.0.0.1", self.network.address, "--protected-mode", "no")
        self.stack.callback(self.valkey.kill)
        self.valkey.start()
        (folder / "storage").mkdir()
        self.storage = self.stack.enter_context(run_storage(folder / "storage", host=self.network.address))
        self.sink = Sink()
        mail = Controller(self.sink, hostname=self.network.address, port=free_port())
        mail.start()
        self.stack.callback(mail.stop)
        self.settings = {
            "database_url": self.cluster.url("serai"),
            "base_url": f"https://localhost:{self.port}",
            "secret_key": SECRET,
            "media_key": MEDIA_KEY,
            "signing_key": str(self._make_signing_key()),
            "valkey_url": f"valkey://{self.network.address}:{self.valkey.port}/0",
            "mail_url": f"smtp://{self.network.address}:{mail.port}?tls=off",
            "mail_per_minute": str(MAILS_PER_MINUTE),
            "journal": self.storage.address("journal"),
            "proxies": "1",
            "log_level": "ERROR",
            **self.storage.settings(),
        }
        self.machines = {name: self._machine(number, name) for number, name in enumerate(MACHINES)}
        webs = [machine for machine in self.machines.values() if machine.command == "serve"]
        self.front = Front(folder / "nginx", certificate, webs, port=self.port, key=MEDIA_KEY)
        self.stack.callback(self.front.close)
        office = Config.load({}, **{**self.settings, "data": str(folder / "office")})
        office.make_folder()
        office.demonstration_mark.write_text("{}")
        self.app: APIFlask = create_app(office)
        self.stack.callback(lambda: self.within(lambda: db.engine.dispose()))
        self.within(lambda: prepare(at=clock.now()))
        self.make = Make(self.app)

    def _start_database(self) -> Cluster:
        cluster = Cluster(self.folder / "primary", self.network.address, free_port(), self.network.subnet)
        cluster.make()
        cluster.start()
        self.stack.callback(cluster.kill)
        cluster.run("CREATE DATABASE serai")
        return cluster

    def _make_signing_key(self) -> Path:
        path = self.folder / "signing-key.pem"
        path.write_bytes(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return path

    def _machine(self, number: int, name: str) -> Machine:
        namespace, address = self.network.add(number)
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        machine = Machine(name, MACHINES[name], folder, namespace, address, self.settings)
        self.stack.callback(machine.kill)
        return machine

    def start(self) -> None:
        """Starts all machines at once, then nginx."""
        for machine in self.machines.values():
            machine.begin()
        for machine in self.machines.values():
            machine.wait()
        self.front.start()

    def within(self, work: Callable[[], R]) -> R:
        """Looks at the database from outside."""
        with self.app.app_context():
            try:
                return work()
            finally:
                db.session.remove()

    def visitor(self, person: Person | None = None) -> Visitor:
        """A program that has a token of a person."""
        return Visitor(self.port, self.trusting, "" if person is None else self.make.token(person))

    def sign_in(self, person_email: str) -> Visitor:
        """A browser that signs in with the form."""
        visitor = self.visitor()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', visitor.get("/sign-in"))
        assert token is not None
        form = {"csrf_token": token[1], "email": person_email, "password": PASSWORD}
        assert visitor.post("/sign-in", form) in (302, 303)
        return visitor

    def readiness(self) -> tuple[int, str]:
        """What `/readyz` of the first web machine says."""
        machine = self.machines["web-1"]
        line = http.client.HTTPConnection(machine.address, 8000, timeout=10)
        try:
            line.request("GET", "/readyz")
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()


@pytest.fixture
def site(certificate: TlsCertificate) -> Iterator[Site]:
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="serai-machines-", dir=memory if os.access(memory, os.W_OK) else None))
    folder.chmod(0o755)  # PostgreSQL and nginx run as other users
    try:
        with contextlib.ExitStack() as stack:
            yield Site(folder, certificate, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Staff:
    teacher: Person
    focal_point: Person
    reporter: Person
    administrator: Person


def people_of(site: Site) -> Staff:
    make = site.make
    return Staff(
        make.person("Lin Yuhan", email="lin@x.example", password=PASSWORD, roles=["instructor"]),
        make.person("Achieng Odhiambo", email="achieng@x.example", password=PASSWORD, roles=[("focal_point", "KE")]),
        make.person("Zhou Anran", email="zhou@x.example", password=PASSWORD, roles=["reporter"]),
        make.person("Maria Fernandes", email="maria@x.example", password=PASSWORD, roles=["administrator"]),
    )


def programme_of(site: Site, staff: Staff) -> Programme:
    make, now = site.make, clock.now()
    series = make.series(
        "machines", instructors=[staff.teacher], policy={"certificate": "participation", "min_lectures": 1}
    )
    ended = now - timedelta(days=2)
    held = make.lecture(
        series, state="held", starts_at=ended, actual_start=ended, actual_end=ended + timedelta(minutes=90)
    )
    live = make.lecture(series, starts_at=now + timedelta(minutes=1))
    made = Programme("machines", live.id, held.id)
    for number in range(VIEWERS + LATECOMERS):
        person = make.person(
            f"Guest {number}", email=f"guest{number}@x.example", password=PASSWORD if not number else None
        )
        make.enrolment(series, person)
        made.people.append(person)
    return made


class Load:
    """Does something again and again until each time it is acknowledged, in a thread of its own."""

    def __init__(self, work: Callable[[Load], None]) -> None:
        self.stopping = threading.Event()
        self.failures = 0
        self.error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work(self)
        except BaseException as error:
            self.error = error

    def insist(self, ask: Callable[[], tuple[int, bytes]]) -> bytes:
        """The answer, once there is one with success. What is refused for good is an error."""
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, content = ask()
                if status < 300:
                    return content
                assert status in (429, 502, 503, 504), (status, content[-500:])
            self.failures += 1
            time.sleep(0.1)

    def finish(self, *, at_once: bool = False) -> None:
        """Waits until all is done, or what is under way."""
        if at_once:
            self.stopping.set()
        self._thread.join(120)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


@dataclass
class Acknowledged:
    """What was acknowledged."""

    beats: set[tuple[int, int]] = field(default_factory=set)
    joined: set[int] = field(default_factory=set)
    corrected: list[str] = field(default_factory=list)
    chunks: int = 0


class Lecture:
    """The live lecture, with its instructor and its viewers."""

    def __init__(self, site: Site, staff: Staff, programme: Programme) -> None:
        self.site, self.programme, self.staff = site, programme, staff
        self.done = Acknowledged()
        self.path = f"/lectures/{programme.lecture_id}"
        self.teacher = site.sign_in("lin@x.example")
        self.stream: dict[str, Any] = {}
        self.loads: list[Load] = []

    def go_live(self) -> None:
        room = self.teacher.get(f"{self.path}/room")
        token = re.search(r'data-csrf="([^"]+)"', room)
        assert token is not None
        origin = {"Referer": f"https://localhost:{self.site.port}/", "X-CSRFToken": token[1]}
        status, content = self.teacher.ask("POST", f"{self.path}/stream", b"", origin)
        assert status == 200, content
        self.stream = json.loads(content)
        viewers = [self._join(person, Load.insist) for person in self.programme.people[:VIEWERS]]
        self.loads = [
            Load(self._send_chunks),
            Load(lambda load: self._send_beats(load, viewers)),
            Load(self._join_late),
            Load(self._correct),
        ]

    def _join(self, person: Person, _insist: Any = None, load: Load | None = None) -> str:
        visitor = self.site.visitor(person)
        sent = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}

        def ask() -> tuple[int, bytes]:
            return visitor.ask("POST", f"/api/v1{self.path}/join", b"{}", sent)

        content = load.insist(ask) if load is not None else ask()[1]
        token: str = json.loads(content)["room_token"]
        join_id = read_token([SECRET], token)
        assert join_id is not None
        self.done.joined.add(join_id)
        return token

    def _send_beats(self, load: Load, tokens: Sequence[str]) -> None:
        visitor, seq = self.site.visitor(), 0
        while not load.stopping.is_set():
            seq += 1
            for token in tokens:
                body = json.dumps({"room_token": token, "seq": seq}).encode()
                load.insist(
                    lambda body=body: visitor.ask(
                        "POST", f"/api/v1{self.path}/presence", body, {"Content-Type": "text/plain"}
                    )
                )
                join_id = read_token([SECRET], token)
                assert join_id is not None
                self.done.beats.add((join_id, seq))
            load.stopping.wait(0.5)

    def _send_chunks(self, load: Load) -> None:
        visitor = self.site.visitor()
        for number, chunk in enumerate(chunks_of(webm(CHUNK_SECONDS * CHUNKS), CHUNKS)):
            digest = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
            sent = {"Stream-Token": self.stream["token"], "Content-Digest": f"sha-256=:{digest}:"}
            load.insist(
                lambda number=number, chunk=chunk, sent=sent: visitor.ask(
                    "PUT", f"{self.stream['address']}/{number}", chunk, sent
                )
            )
            self.done.chunks = number + 1
            load.stopping.wait(CHUNK_SECONDS)
        sent = {"Stream-Token": self.stream["token"], "Content-Type": "application/x-www-form-urlencoded"}
        load.insist(
            lambda: visitor.ask("POST", f"{self.stream['address']}/stop", f"chunk_count={CHUNKS}".encode(), sent)
        )

    def _join_late(self, load: Load) -> None:
        for person in self.programme.people[VIEWERS:]:
            self._join(person, load=load)
            load.stopping.wait(0.5)

    def _correct(self, load: Load) -> None:
        visitor = self.site.visitor(self.staff.teacher)
        for person in self.programme.people:
            path = f"/api/v1/lectures/{self.programme.held_id}/attendance/{person.public_id}"
            body = json.dumps({"outcome": "attended", "reason": "Signed the paper list"}).encode()
            load.insist(
                lambda path=path, body=body: visitor.ask("PATCH", path, body, {"Content-Type": "application/json"})
            )
            self.done.corrected.append(person.public_id)
            load.stopping.wait(0.5)


def read_pages(site: Site, visitors: dict[str, Visitor]) -> None:
    """A page of each role and one for strangers, through nginx."""
    for role, path in {
        "stranger": "/series/machines", "trainee": "/me", "instructor": "/teach", "focal point": "/country",
        "reporter": "/admin/reports", "administrator": "/admin",
    }.items():  # fmt: skip
        visitors[role].get(path)


def test_nothing_acknowledged_is_lost_whatever_is_killed(site: Site) -> None:
    staff = people_of(site)
    programme = programme_of(site, staff)
    site.start()
    emails = {"trainee": "guest0@x.example", "instructor": "lin@x.example", "focal point": "achieng@x.example",
              "reporter": "zhou@x.example", "administrator": "maria@x.example"}  # fmt: skip
    visitors = {"stranger": site.visitor()} | {role: site.sign_in(email) for role, email in emails.items()}
    read_pages(site, visitors)
    lecture = Lecture(site, staff, programme)
    lecture.go_live()
    write_to_everybody(site, staff)
    nominate(site, staff)

    status = visitors["administrator"]
    for machine in site.machines.values():
        machine.kill()
        read_pages(site, visitors)
        machine.start()
        if machine.command == "serve":
            time.sleep(NGINX_RETRIES_AFTER)
    for name, kill, start in (
        ("valkey", site.valkey.kill, site.valkey.start),
        ("storage", site.storage.kill, site.storage.start),
    ):
        kill()
        until(lambda name=name: f"degraded: [{name}]" in site.readiness()[1], f"{name} is missed")
        read_pages(site, visitors)
        # Each web process asks by itself, every few seconds
        until(lambda: "o answer: " in status.get("/admin/status"), f"the status page misses {name}")
        start()
        until(lambda: site.readiness() == (200, "ok\n"), f"{name} is back")
    site.cluster.kill()
    until(lambda: site.readiness()[0] == 503, "the database is missed")
    site.cluster.start()
    until(lambda: site.readiness()[0] == 200, "the database is back")
    site.front.kill()
    site.front.start()
    read_pages(site, visitors)

    lecture.loads[0].finish()
    for load in lecture.loads[1:]:
        load.finish(at_once=load is lecture.loads[1])
    site.visitor(staff.teacher).call("POST", f"{lecture.path}/end")
    check_evidence(site, lecture)
    check_mails(site, programme)
    check_recording(site, lecture)
    check_certificates(site, staff, programme, visitors)
    check_machines_are_listed(site, status)
    check_figures(site)


def write_to_everybody(site: Site, staff: Staff) -> None:
    """The instructor writes to all who are enrolled."""
    visitor = site.visitor(staff.teacher)
    message = visitor.call(
        "POST", "/series/machines/messages", {"subject": "Welcome", "text": "Dear {name}, see you soon."}
    )
    readers = VIEWERS + LATECOMERS
    visitor.call("POST", f"/series/machines/messages/{message['id']}/send", {"readers": readers})


def nominate(site: Site, staff: Staff) -> None:
    """The focal point nominates somebody."""
    body = {"email": "new@x.example", "full_name": "Wanjiru Kamau", "country": "KE"}
    site.visitor(staff.focal_point).call("POST", "/series/machines/nominations", body)


def check_evidence(site: Site, lecture: Lecture) -> None:
    """Beats, joins and corrections that were acknowledged are there, once."""
    done = lecture.done
    beats = site.within(lambda: [tuple(row) for row in db.session.execute(select(Beat.join_id, Beat.seq))])
    assert len(beats) == len(set(beats))
    assert done.beats <= set(beats)
    assert {seq for _join, seq in done.beats} > set(range(1, 20))
    joins = site.within(lambda: set(db.session.scalars(select(Join.id))))
    assert done.joined <= joins
    assert len(done.joined) == VIEWERS + LATECOMERS
    corrected = select(Person.public_id).join(Correction, Correction.person_id == Person.id)
    rows = site.within(lambda: list(db.session.scalars(corrected)))
    assert sorted(rows) == sorted(done.corrected)
    assert len(done.corrected) == VIEWERS + LATECOMERS

    def is_counted() -> bool:
        query = select(func.count()).where(Credit.lecture_id == lecture.programme.lecture_id)
        return (site.within(lambda: db.session.scalar(query)) or 0) >= VIEWERS

    until(is_counted, "the attendance is counted")


def check_mails(site: Site, programme: Programme) -> None:
    """Everybody got the message; where a worker died, perhaps again with the same Message-ID."""
    addresses = {f"guest{number}@x.example" for number in range(VIEWERS + LATECOMERS)}

    def arrived() -> dict[str, set[str]]:
        by_reader: dict[str, set[str]] = {}
        for message in list(site.sink.messages):
            if message["Subject"].startswith("Welcome"):
                by_reader.setdefault(message["To"].rpartition("<")[2].strip("<> "), set()).add(message["Message-ID"])
        return by_reader

    until(lambda: set(arrived()) >= addresses, "all e-mails arrived", seconds=400)
    assert {reader: len(ids) for reader, ids in arrived().items()} == dict.fromkeys(addresses, 1)


def check_recording(site: Site, lecture: Lecture) -> None:
    """The recording is as long as what was sent, and can be watched through nginx."""
    assert lecture.done.chunks == CHUNKS

    def find() -> Stream | None:
        query = select(Stream).where(Stream.lecture_id == lecture.programme.lecture_id)
        return db.session.scalar(query.where(Stream.state == StreamState.COMPLETE))

    stream = until(lambda: site.within(find), "the recording is complete", seconds=120)
    lengths = site.within(lambda: [sum(epoch.durations["a"]) for epoch in list_epochs(stream.id)])
    assert abs(sum(lengths) - CHUNK_SECONDS * CHUNKS * 1000) <= CHUNK_SECONDS * 1000


def check_certificates(site: Site, staff: Staff, programme: Programme, visitors: dict[str, Visitor]) -> None:
    """The administrator issues certificates, which everybody can verify."""
    site.visitor(staff.administrator).call("POST", "/series/machines/certificates", {"kind": "participation"})

    def issued() -> Sequence[str]:
        return site.within(lambda: list(db.session.scalars(select(Certificate.number))))

    until(lambda: len(issued()) == VIEWERS + LATECOMERS, "the certificates are issued")
    assert "Guest" in visitors["stranger"].get(f"/verify/{issued()[0]}")


def check_machines_are_listed(site: Site, administrator: Visitor) -> None:
    """The status page lists each machine and finds nothing that differs."""
    page = administrator.get("/admin/status")
    if site.network.is_real:
        for name in MACHINES:
            # One that was killed counts for another minute
            assert re.search(rf"{name}: [12] (web process|worker|packager)", page, re.IGNORECASE), name
    assert "has another value" not in page
    assert "another secret" not in page


def check_figures(site: Site) -> None:
    """Figures that are counted from facts are those of the rows."""
    machine = site.machines["web-1"]
    environment = {**os.environ, **machine.config().environment()}
    command = [sys.executable, "-m", "lms", "report", "verify"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
