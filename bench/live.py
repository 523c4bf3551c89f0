"""A lecture in the browser: people who come at once, a stream that is packaged, and nginx before its media."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from sqlalchemy import delete, select

from bench.database import Spent, opened, spent_on
from bench.programme import people_file, take_enrolments
from bench.served import ROOT, Served, free_port, post, running
from bench.table import CannotMeasure
from bench.viewers import SECRET, Audience
from lms.attendance.actions.room import Received, write_beats
from lms.attendance.models.evidence import Beat, Join
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.base.settings import settings
from lms.core.database.session import action, db, write_connection, write_turn
from lms.core.storage.programs import find_ffmpeg
from lms.core.time import clock
from lms.people.actions.access import create_token, grant_role
from lms.people.models import Person
from lms.streaming.actions import begin_streaming
from lms.streaming.addresses import media_address
from lms.streaming.models import StreamSession, Track
from lms.streaming.queries import list_epochs
from lms.streaming.rules import stream_folder
from lms.streaming.tokens import make_stream_token

ADMINISTRATOR = Actor(person_id=1, roles=frozenset({Role.ADMINISTRATOR}))
SHIPPED = ROOT / "deploy" / "nginx" / "serai.conf"
MEDIA_KEY = "bench-only-key-of-media"
GROUP = 333
"""Heartbeats in a commit, as they gather in a second of 10,000 viewers."""


def commit_beats(audience: Audience, count: int) -> Spent:
    """Writes so many heartbeats as the group writer does, `GROUP` in a transaction, without any request."""
    with opened(audience.folder):
        now_ms = clock.to_ms(clock.now())
        joins = audience.joins
        beats = [
            Received(joins[number % len(joins)], 1000 + number // len(joins), now_ms, audience.lecture_id)
            for number in range(count)
        ]
        line = write_connection()

        def write() -> None:
            for start in range(0, count, GROUP):
                with write_turn(db.engine), line.begin():
                    write_beats(line, beats[start : start + GROUP])

        spent, _nothing = spent_on(write)
        line.close()
    return spent


def prepare_joining(audience: Audience) -> dict[str, str]:
    """Enrols the audience, none of whom has joined yet; returns the header of an administrator's token.

    Only in a demonstration can an administrator join for others.
    """
    people = people_file(len(audience.joins))
    with opened(audience.folder):
        take_enrolments(people)
        _forget_joins(audience.lecture_id)
        person = db.session.get_one(Person, 1)
        grant_role(person.public_id, Role.ADMINISTRATOR, by=SYSTEM, at=clock.now())
        _token, secret = create_token("bench", by=ADMINISTRATOR, at=clock.now())
        settings().demonstration_mark.write_text("{}", encoding="utf-8")
    return {"Authorization": f"Bearer {secret}"}


@action
def _forget_joins(lecture_id: int) -> None:
    joins = Join.lecture_id == lecture_id
    db.session.execute(delete(Beat).where(Beat.join_id.in_(select(Join.id).where(joins))))
    db.session.execute(delete(Join).where(joins))


def joining(audience: Audience, headers: dict[str, str]) -> list[bytes]:
    """Requests with which each of the audience joins."""
    path = f"/api/v1/lectures/{audience.lecture_id}/join"
    emails = [line.split(b",")[0].decode() for line in people_file(len(audience.joins)).splitlines()[1:]]
    return [post(path, json.dumps({"email": email}).encode(), "application/json", headers) for email in emails]


def make_webm(seconds: float) -> bytes:
    """What a browser's recorder would send: 640 x 360, 15 pictures a second (VP8), and sound (Opus)."""
    program = find_ffmpeg()
    if program is None:
        raise CannotMeasure("ffmpeg is not installed (make video)")
    picture = ("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=15:duration={seconds}")
    sound = ("-f", "lavfi", "-i", f"anoisesrc=color=pink:amplitude=0.1:duration={seconds}")
    encoders = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "30", "-b:v", "600k")
    command = [str(program), "-nostdin", "-loglevel", "error", *picture, *sound, *encoders, "-c:a", "libopus"]
    command += ["-b:a", "48k", "-f", "webm", "-live", "1", "pipe:1"]
    return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603


@dataclass(frozen=True)
class Streamed:
    """What a stream of so many seconds of media took the packager with ffmpeg, and bytes of all renditions."""

    seconds: float
    cpu_seconds: float
    stored_bytes: int
    folder: str


def stream(served: Served, audience: Audience, seconds: int) -> Streamed:
    """Sends a lecture of so many seconds at the pace of a recorder, and waits until all of it is packaged."""
    content = make_webm(seconds)
    size = -(-len(content) // seconds)
    with opened(audience.folder):
        session = begin_streaming(audience.lecture_id, Track.MAIN, by=ADMINISTRATOR, at=clock.now())
        session_id, path = session.id, f"/streams/{session.public_id}"
        token = make_stream_token([SECRET], session.public_id, key=MEDIA_KEY, at=clock.now())
        headers = {"Stream-Token": token}
    packager = served.child(b"packager")
    before = _seconds_with_children(packager)
    began = time.monotonic()
    line = HTTPConnection("127.0.0.1", served.port, timeout=60)
    for number in range(seconds):
        time.sleep(max(0, began + number + 1 - time.monotonic()))
        chunk = content[number * size : (number + 1) * size]
        digest = base64.b64encode(hashlib.sha256(chunk).digest()).decode()
        _send(line, "PUT", f"{path}/{number}", chunk, headers | {"Content-Digest": f"sha-256=:{digest}:"})
    form = headers | {"Content-Type": "application/x-www-form-urlencoded"}
    _send(line, "POST", f"{path}/stop", f"chunk_count={seconds}".encode(), form)
    line.close()
    with opened(audience.folder):
        for _turn in range(600):
            db.session.rollback()
            row = db.session.get_one(StreamSession, session_id)
            if row.packaged_at is not None:
                break
            time.sleep(0.1)
        else:
            raise CannotMeasure("the stream was not packaged within a minute")
        length_ms = sum(epoch.length_ms for epoch in list_epochs(row.stream_id))
        folder = stream_folder(row.stream)
        stored = sum(path.stat().st_size for path in settings().folder.glob(f"**/{folder}/*/*.m*"))
    if not stored:
        raise CannotMeasure("nothing was stored of the stream")
    return Streamed(length_ms / 1000, _seconds_with_children(packager) - before, stored, folder)


def _send(line: HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    line.request(method, path, body, headers)
    answer = line.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise CannotMeasure(f"{method} {path} was answered with {answer.status}: {text.decode(errors='replace')[:200]}")


def _seconds_with_children(process: int) -> float:
    """Processor time of a process and of those that it began and that have ended."""
    values = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in values[11:15]) / os.sysconf("SC_CLK_TCK")


def media_of(audience: Audience, folder: str = "") -> str:
    """Where the snapshot of the lecture is, or the media in a folder of its stream, signed."""
    with opened(audience.folder, media_key=MEDIA_KEY):
        return media_address(audience.lecture_id, folder, at=clock.now())


@contextmanager
def nginx(folder: Path, *backends: int) -> Iterator[Served]:
    """The shipped nginx without TLS, which the load generator does not speak; `/same` is a file that it serves."""
    program = shutil.which(os.environ.get("NGINX") or "nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise CannotMeasure("nginx is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    port, plain_port = free_port(), free_port()
    text = SHIPPED.read_text(encoding="utf-8")
    text = re.sub(r"^ *(listen \[::\]|ssl_|http2 on|limit_conn ).*\n", "", text, flags=re.MULTILINE)
    for old, new in {
        "listen 80;": f"listen 127.0.0.1:{plain_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port};\n    location = /same {{ root {folder}; }}",
        "server 127.0.0.1:8000 max_fails=1 fail_timeout=5s;": "\n    ".join(
            f"server 127.0.0.1:{port} max_fails=1 fail_timeout=5s;" for port in backends
        ),
        "/var/lib/nginx/serai": f"{folder}/cache",
        "/var/log/nginx": str(folder),
        "the-value-of-LMS_MEDIA_KEY": MEDIA_KEY,
    }.items():
        text = text.replace(old, new)
    (folder / "serai.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(
        f"""{"user root;" if os.getuid() == 0 else ""}
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/serai.conf;
}}
""",
        encoding="utf-8",
    )
    command = [program, "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    with running([*command, "-g", "daemon off;"], port, {}) as served:
        yield served
