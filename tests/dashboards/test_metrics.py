"""`/metrics`: what it says, and to whom."""

from __future__ import annotations

import http.client
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from apiflask import APIFlask
from prometheus_client.parser import text_string_to_metric_families

from lms.config import BadSetting, Config
from lms.core.background import instruments, jobs
from lms.core.background.processes import ProcessKind, record_heartbeat
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.storage.last_backup import STORED_RECORD, note_backup
from lms.core.time import clock
from lms.mail import outbox, sending
from lms.version import build_version
from lms.web.request.request_log import serve_metrics
from tests.rows import each_row

TOKEN = "a-token-of-the-monitoring"


def read(app: APIFlask) -> dict[tuple[str, str], float]:
    """All figures, by name and labels."""
    answer = app.test_client().get("/metrics")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    return {
        (sample.name, ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.databases
def test_the_figures_are_those_of_the_rows(app: APIFlask) -> None:
    now = clock.now()
    earlier = now - timedelta(hours=1)

    @action
    def prepare() -> None:
        jobs.request_job("none", {}, by=SYSTEM, at=earlier)
        jobs.request_job("none", {}, by=SYSTEM, at=now)
        for number in range(3):
            outbox.post_mail(
                "sign_in", address="a@x.example", payload={}, dedupe_key=f"k{number}", at=earlier if number else now
            )
        # What is planned for later does not wait
        jobs.request_job("none", {}, by=SYSTEM, at=earlier - timedelta(hours=1), due_at=now + timedelta(hours=1))

    with app.app_context():
        prepare()
        record_heartbeat("host:1", started_at=earlier, at=earlier)
        mail = db.session.query(outbox.OutboxMail).first()
        assert mail is not None
        mail.state = outbox.MailState.FAILED
        db.session.commit()
    found = read(app)
    assert found["serai_database_up", ""] == 1
    assert found["serai_database_size_bytes", ""] > 100_000
    assert 0 < found["serai_database_latency_seconds", ""] < 60
    assert 0 < found["serai_disk_free_bytes", ""] < found["serai_disk_size_bytes", ""]
    assert {labels: value for (name, labels), value in found.items() if name == "serai_jobs"} == {
        "state=queued": 3, "state=running": 0, "state=done": 0, "state=failed": 0, "state=stopped": 0,
    }  # fmt: skip
    assert 3600 <= found["serai_jobs_oldest_age_seconds", "state=queued"] < 3700
    assert found["serai_jobs_oldest_age_seconds", "state=running"] == 0
    assert found["serai_outbox_mails", "state=waiting"] == 2
    assert found["serai_outbox_mails", "state=given_up"] == 1
    assert 3600 <= found["serai_outbox_oldest_age_seconds", ""] < 3700
    assert found["serai_worker_last_seen_timestamp_seconds", ""] == pytest.approx(earlier.timestamp(), abs=0.01)
    assert found["serai_signing_certificate_expiry_timestamp_seconds", ""] > now.timestamp()
    assert found["serai_build_info", f"version={build_version()}"] == 1


def test_the_last_backup_is_told_but_for_a_demonstration(app: APIFlask) -> None:
    config, name = app.extensions["lms.config"], ("serai_last_backup_timestamp_seconds", "")
    assert read(app)[name] == 0
    with app.app_context():
        note_backup(config, "2026-11-27T02:00:00+00:00", config.folder / "backup")
    assert read(app)[name] == datetime(2026, 11, 27, 2, tzinfo=UTC).timestamp()
    config.demonstration_mark.write_text("{}")
    assert name not in read(app)
    config.demonstration_mark.unlink()
    (config.folder / "last-backup.json").unlink()
    with app.app_context():
        files.delete(STORED_RECORD)


def test_requests_are_counted_by_kind_and_status(app: APIFlask) -> None:
    name = "serai_request_duration_seconds_count"
    before = read(app)
    client = app.test_client()
    client.get("/help")
    client.get("/nowhere")
    client.get("/api/v1/nowhere")
    client.post("/api/v1/lectures/1/presence", json={"room_token": "x", "seq": 1})
    after = read(app)
    grown = {labels: after[n, labels] - before.get((n, labels), 0) for n, labels in after if n == name}
    assert {labels: count for labels, count in grown.items() if count} == {
        "kind=page,status=2xx": 1, "kind=page,status=4xx": 1, "kind=api,status=4xx": 1, "kind=heartbeat,status=4xx": 1,
        "kind=service,status=2xx": 1,
    }  # fmt: skip


def test_while_the_database_is_away_that_is_what_is_said(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def away(*_args: object, **_named: object) -> None:
        raise OperationalError("SELECT 1", None, OSError("away"))

    monkeypatch.setattr("lms.dashboards.queries.operation.db.session.execute", away)
    found = read(app)
    assert found["serai_database_up", ""] == 0
    assert found["serai_disk_free_bytes", ""] > 0
    assert not any(name.startswith(("serai_jobs", "serai_outbox")) for name, _labels in found)


@each_row(
    "peer, headers, status",
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("127.0.0.1", {"Via": "1.1 proxy"}, 404),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, 404),
        ("203.0.113.5", {}, 404),
        ("203.0.113.5", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.5", "Authorization": f"Bearer {TOKEN}"}, 200),
        ("203.0.113.5", {"Authorization": f"Bearer {TOKEN}x"}, 404),
        ("203.0.113.5", {"Authorization": f"Bearer {TOKEN[:-1]}é"}, 404),
        ("203.0.113.5", {"Authorization": "Bearer "}, 404),
        ("203.0.113.5", {"Authorization": f"Basic {TOKEN}"}, 404),
    ],
)
def test_metrics_are_open_to_this_machine_and_to_the_token_alone(
    app: APIFlask, monkeypatch: pytest.MonkeyPatch, peer: str, headers: dict[str, str], status: int
) -> None:
    monkeypatch.setattr(app.extensions["lms.config"], "metrics_token", TOKEN)
    answer = app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == status
    if status == 404:
        assert "serai_" not in answer.text


def test_without_a_token_set_no_token_opens_it(app: APIFlask) -> None:
    for header in ("Bearer", "Bearer ", "Bearer x"):
        answer = app.test_client().get(
            "/metrics", headers={"Authorization": header}, environ_base={"REMOTE_ADDR": "203.0.113.5"}
        )
        assert answer.status_code == 404


def test_a_token_that_is_short_is_refused_and_not_repeated() -> None:
    with pytest.raises(
        BadSetting, match=r"^LMS_METRICS_TOKEN cannot be used: use at least 20 visible ASCII characters$"
    ):
        Config({"LMS_METRICS_TOKEN": "short"})


def test_tasks_and_mails_are_counted_by_their_outcome(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_run: jobs.Run) -> None:
        raise ValueError

    monkeypatch.setitem(jobs.REGISTRY, "test-done", lambda _run: None)
    monkeypatch.setitem(jobs.REGISTRY, "test-failed", fail)
    before = read(app)

    @action
    def prepare() -> None:
        for kind in ("test-done", "test-done", "test-failed"):
            jobs.request_job(kind, {}, by=SYSTEM, at=clock.now())
        for number in range(2):
            outbox.post_mail("sign_in", address="a@x.example", payload={}, dedupe_key=f"k{number}", at=clock.now())

    def send(mail: outbox.OutboxMail) -> None:
        if mail.dedupe_key == "k1":
            raise OSError("no answer")

    with app.app_context():
        prepare()
        jobs.run_due()
        sending.send_due(send, at=clock.now())
    after = read(app)
    grown = {key: value - before.get(key, 0) for key, value in after.items()}
    tasks = "serai_task_duration_seconds_count"
    assert grown[tasks, "outcome=done,task=test-done"] == 2
    assert grown[tasks, "outcome=failed,task=test-failed"] == 1
    assert grown["serai_mails_total", "outcome=sent"] == 1
    assert grown["serai_mails_total", "outcome=failed"] == 1


def test_processes_are_measured_and_those_of_all_machines_are_counted(app: APIFlask) -> None:
    now = clock.now()
    with app.app_context():
        for name, kind, seen_at in (
            ("a:1", ProcessKind.WEB, now),
            ("b:1", ProcessKind.WEB, now),
            ("b:2", ProcessKind.WORKER, now - timedelta(minutes=5)),
        ):
            record_heartbeat(name, kind=kind, started_at=seen_at, at=seen_at, ahead=timedelta(seconds=2))
    found = read(app)
    counts = {labels: value for (name, labels), value in found.items() if name == "serai_processes"}
    assert counts == {"kind=web": 2, "kind=worker": 0, "kind=packager": 0}
    assert found["serai_clock_ahead_seconds", "host=b"] == 2
    labels = f"kind=web,pid={os.getpid()}"
    assert found["process_cpu_seconds_total", labels] > 0.1
    assert found["process_resident_memory_bytes", labels] > 10_000_000


def test_a_process_without_pages_answers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.load({}, metrics_token=TOKEN)
    instruments.SEGMENTS.add(3)
    server = serve_metrics(config, "127.0.0.1", 0)
    try:
        for path, headers, status in (
            ("/metrics", {}, 200),
            ("/metrics", {"X-Forwarded-For": "203.0.113.5"}, 404),
            ("/metrics", {"Authorization": f"Bearer {TOKEN}x"}, 404),
            ("/metrics", {"X-Forwarded-For": "203.0.113.5", "Authorization": f"Bearer {TOKEN}"}, 200),
            ("/", {}, 404),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            assert answer.status == status
            counted = re.search(r"^serai_packaged_segments_total (\S+)$", text, re.MULTILINE)  # other tests count too
            assert (counted is not None and float(counted[1]) >= 3) == (status == 200)
    finally:
        server.shutdown()
        server.server_close()
