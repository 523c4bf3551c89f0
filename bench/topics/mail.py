"""Ten thousand mails from the outbox, beside smtplib alone with the same mails, and heartbeats meanwhile."""

from __future__ import annotations

import json
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.policy import SMTP

from flask import Flask

from bench.aims import MAILS_SECONDS, NONE
from bench.database import copied, opened
from bench.registry import topic
from bench.served import ROOT, free_port
from bench.site import Bench
from bench.table import CannotMeasure, Row
from bench.viewers import WAYS, gather, room, send
from lms.app import create_app
from lms.config import Config
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.mail import outbox
from lms.mail.jobs import send_mail
from lms.mail.outbox import MailState, OutboxMail
from lms.mail.rendering import render

MAILS = 10_000


@action
def _post(count: int) -> None:
    at = clock.now()
    starts_at = (at + timedelta(hours=1)).isoformat()
    outbox.post_mails(
        {
            "template": "lecture_cancelled",
            "address": f"n{number}@bench.example",
            "payload": {
                "full_name": f"Achieng Odhiambo {number}",
                "title": "Rules of origin",
                "series": "Digital customs",
                "slug": "customs",
                "lecture_id": 0,
                "old_at": starts_at,
                "reason": "The lecturer is ill.",
            },
            "dedupe_key": f"bench:{number}",
            "created_at": at,
            "due_at": at,
            "locale": "en",
            "time_zone": "Africa/Nairobi",
            "person_id": None,
            "expires_at": None,
            "attempts": 0,
        }
        for number in range(count)
    )


@contextmanager
def _sink() -> Iterator[tuple[int, Callable[[], dict[str, int]]]]:
    """A mail server in a process of its own: its port, and what it took (mails and different ids) since last asked."""
    port = free_port()
    command = [sys.executable, "-m", "bench.sink", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    if process.stdin is None or process.stdout is None or not process.stdout.readline():
        raise CannotMeasure("the mail server does not start")
    into, out = process.stdin, process.stdout

    def taken() -> dict[str, int]:
        into.write("\n")
        into.flush()
        return dict(json.loads(out.readline()))

    try:
        yield port, taken
    finally:
        into.close()
        process.wait(20)


@topic("mail")
def mail(bench: Bench) -> Iterator[Row]:
    """The same mails over smtplib alone, then from the outbox, then from the outbox beside viewers' heartbeats."""
    count = bench.of(MAILS, 30)
    folder = copied(bench.prepared, bench.folder / "mail")
    with _sink() as (port, taken):
        config = Config.load(
            data=str(folder), database_url="", log_level="ERROR", base_url="http://127.0.0.1",
            mail_url=f"smtp://127.0.0.1:{port}",
        )  # fmt: skip
        app = create_app(config)
        with app.app_context():
            _post(count)
            ready = _rendered(config)
            db.session.rollback()
        bare = _alone(port, ready)
        taken()
        seconds = _from_the_outbox(app)
        yield Row("mail, 10,000 reminders", seconds, "s", baseline=bare, rate=count / seconds, aim=MAILS_SECONDS)
        yield _lost(app, taken())
        audience = gather(bench, bench.of(2000, 20))
        with room(audience, mail_url=config.mail_url) as served:
            send(served, audience, WAYS[2], seq=0)  # what is compiled once a process
            alone = send(served, audience, WAYS[0], seq=1)
            with opened(audience.folder):
                _post(count)
            beside = send(served, audience, WAYS[0], seq=2)
            yield Row("heartbeats beside mail", beside.cpu_ms, "CPU ms", baseline=alone.cpu_ms)
            yield Row("heartbeats beside mail, p50", beside.p50_ms, "ms", baseline=alone.p50_ms)
            yield Row("heartbeats beside mail, p99", beside.p99_ms, "ms", baseline=alone.p99_ms)
            yield Row("heartbeats beside mail, lost or doubled", beside.lost + beside.extra, "beats", aim=NONE)


def _from_the_outbox(app: Flask) -> float:
    """The seconds in which one worker sends all that is due."""
    began = time.monotonic()
    send_mail(app, threading.Event())
    return time.monotonic() - began


def _lost(app: Flask, came: dict[str, int]) -> Row:
    with app.app_context():
        unsent = db.session.query(OutboxMail).filter(OutboxMail.state != MailState.SENT).count()
        db.session.remove()
        db.engine.dispose()
    return Row("mail, lost or doubled", unsent + came["mails"] - came["ids"], "mails", aim=NONE)


def _rendered(config: Config) -> list[tuple[str, bytes]]:
    rows = db.session.query(OutboxMail).order_by(OutboxMail.id)
    return [(row.address, render(row, config).as_bytes(policy=SMTP)) for row in rows]


def _alone(port: int, ready: list[tuple[str, bytes]]) -> float:
    """The seconds that smtplib needs for mails that are written already."""
    with smtplib.SMTP("127.0.0.1", port) as connection:
        connection.ehlo()
        began = time.monotonic()
        for address, content in ready:
            connection.sendmail("no-reply@localhost", [address], content)
        return time.monotonic() - began
