"""What holds for every kind of batch: previewed, confirmed, applied in steps, and undone."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from lms.batches import kinds
from lms.batches.kinds import BatchKind
from lms.batches.models import EntryState
from lms.core.background import jobs
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.database.session import db
from tests.batches.cases import CASES, REASON, Case
from tests.forms import token_in

pytestmark = pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.job)


@pytest.fixture
def case(make: Any, context: None, kind: BatchKind[Any, Any]) -> Case:
    return CASES[kind](make)


@pytest.mark.usefixtures("app")
def test_every_kind_has_a_case(kind: BatchKind[Any, Any]) -> None:
    assert {type(kind) for kind in CASES} == set(BatchKind.__subclasses__())
    assert kind.job in jobs.REGISTRY


@pytest.mark.databases
def test_a_preview_is_applied_once_and_undone_once(case: Case) -> None:
    before, batch = case.rows(), case.preview()
    assert (case.rows(), case.view(batch).state) == (before, "previewed")
    assert case.view(batch).preview(by=case.by, at=case.at).countries == [("KE", 3)]
    assert len(case.view(batch).people(EntryState.PENDING, by=case.by)) == 3
    assert case.kind.list_batches(case.owner, by=case.by) == []
    case.confirm(batch)
    after = case.rows()
    assert all(after[name] != before[name] for name in before)
    case.confirm(batch, "Another reason", hours=2)
    done = case.view(batch)
    assert (done.stage, done.changed, done.undone, done.can_be_undone) == ("done", 3, 0, True)
    assert (done.batch.done_at, done.batch.confirmed_by) == (case.at, case.person.id)
    assert (done.preview(by=case.by, at=case.at), done.confirmed_by) == (None, case.person.full_name)
    assert done.batch.reason == (REASON if case.needs_reason else "")
    for _again in range(2):
        case.undo(batch)
        view = case.view(batch)
        assert (case.rows(), view.stage, view.changed, view.undone) == (before, "undone", 3, 3)
        assert (view.undo_by, view.can_be_undone) == (case.person.full_name, False)
    assert case.count_effects() == case.effects_of_both
    detail = {"batch": batch, case.kind.counted: 3, case.kind.choice: getattr(view.batch, case.kind.choice).value}
    assert case.recorded() == [(verb, detail) for verb in case.kind.verbs]
    assert [view.batch.public_id for view in case.kind.list_batches(case.owner, by=case.by)] == [batch]


@pytest.mark.databases
def test_a_large_batch_is_a_task_that_continues_where_it_stopped(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "AT_ONCE", 1)
    monkeypatch.setattr(case.kind, "step", 1)
    before, batch = case.rows(), case.preview()
    for _twice in range(2):
        case.confirm(batch)
        assert (case.rows(), case.view(batch).stage) == (before, "running")
    assert db.session.scalar(select(func.count()).where(Job.kind == case.kind.job)) == 1
    step, made = case.kind._run_step, []

    def killed(*args: Any, **given: Any) -> Any:
        if len(made) == 2:
            raise RuntimeError("killed")
        made.append(1)
        return step(*args, **given)

    monkeypatch.setattr(case.kind, "_run_step", killed)
    assert jobs.run_due() == 1
    assert (case.view(batch).stage, case.view(batch).changed) == ("stopped", 2)
    with pytest.raises(Refused):
        case.undo(batch)
    monkeypatch.setattr(case.kind, "_run_step", step)
    case.confirm(batch)
    jobs.run_due()
    done = case.view(batch)
    assert (done.stage, done.changed) == ("done", 3)
    assert done.job is not None
    assert (done.job.state, done.job.result, done.job.total) == (JobState.DONE, {"changed": 3, "left_out": 0}, 3)
    case.undo(batch)
    assert case.view(batch).stage == "undoing"
    jobs.run_due()
    assert (case.rows(), case.view(batch).stage) == (before, "undone")
    assert case.count_effects() >= case.effects_of_both
    assert len(case.recorded()) == 2


def test_a_large_batch_is_applied_and_undone_without_a_task(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "AT_ONCE", 1)
    before, batch = case.rows(), case.preview()
    case.kind.confirm(case.owner_id, batch, reason=REASON, at_once=True, by=case.by, at=case.at)
    assert case.view(batch).stage == "done"
    case.kind.undo(case.owner_id, batch, at_once=True, by=case.by, at=case.at + timedelta(hours=1))
    assert (case.rows(), case.view(batch).stage) == (before, "undone")


@pytest.mark.databases(differs=True)
def test_the_same_pressed_at_once_is_done_once(case: Case) -> None:
    before, batch, app = case.rows(), case.preview(), case.make.app
    owner_id, by, at = case.owner_id, case.by, case.at

    def press(work: str) -> None:
        with app.app_context():
            if work == "undo":
                case.kind.undo(owner_id, batch, by=by, at=at + timedelta(hours=1))
            else:
                case.kind.confirm(owner_id, batch, reason=REASON, by=by, at=at)

    for work in ("confirm", "undo"):
        db.session.rollback()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(press, [work] * 3))
    assert (case.rows(), case.count_effects(), len(case.recorded())) == (before, case.effects_of_both, 2)


def test_a_preview_that_nobody_confirmed_is_deleted_after_a_day(case: Case) -> None:
    old, done = case.preview(), case.preview()
    case.confirm(done)
    case.undo(done)
    case.preview(case.at + timedelta(days=2))
    with pytest.raises(NotFound):
        case.view(old)
    assert case.view(done).stage == "undone"
    assert db.session.scalar(select(func.count()).select_from(case.kind.batches)) == 2
    assert db.session.scalar(select(func.count()).select_from(case.kind.entries)) == 6


@pytest.mark.databases
def test_what_cannot_be_confirmed_or_undone_changes_nothing(case: Case) -> None:
    before, batch, kind, owner_id = case.rows(), case.preview(), case.kind, case.owner_id
    for outsider in (case.make.actor(roles=["reporter"]), case.make.actor(roles=[("focal_point", "KE")])):
        for refused in (
            lambda by: kind.confirm(owner_id, batch, reason=REASON, by=by, at=case.at),
            lambda by: kind.undo(owner_id, batch, by=by, at=case.at),
            lambda by: kind.get_batch(case.owner, batch, by=by),
            lambda by: kind.list_batches(case.owner, by=by),
        ):
            with pytest.raises(Forbidden):
                refused(outsider)
    other = kind.id_of(case.other_owner) if case.other_owner is not None else None
    for wrong_owner, public_id in ((owner_id, "unknown"), (other, batch if other else "unknown")):
        for work in (kind.confirm, kind.undo):
            with pytest.raises(NotFound):
                work(wrong_owner, public_id, by=case.by, at=case.at)
    with pytest.raises(NotFound):
        kind.get_batch(case.other_owner, batch if other else "unknown", by=case.by)
    for reason in ("", " \u200b", "x" * 1001) if case.needs_reason else ():
        with pytest.raises(Invalid):
            case.confirm(batch, reason)
    with pytest.raises(Refused):
        case.undo(batch)
    assert (case.rows(), case.view(batch).stage, case.recorded()) == (before, "previewed", [])


def test_the_pages_preview_confirm_and_undo(client: Any, make: Any, kind: BatchKind[Any, Any]) -> None:
    with make.app.app_context():
        case = CASES[kind](make)
        before, batch = case.rows(), case.preview()
        make.sign_in(client, case.person)
    page = f"{case.path}/{batch}"
    shown = client.get(page).text
    form = {"csrf_token": token_in(shown)}
    assert re.search(r'data-testid="confirm-\w+"', shown)
    assert batch not in client.get(case.path).text
    if case.needs_reason:
        refused = client.post(page, data=form | {"reason": " "})
        assert (refused.status_code, "Enter a reason" in refused.text) == (422, True)
    assert client.post(f"{page}/undo", data=form).status_code == 303
    assert 'data-testid="ask-undo"' not in client.get(page).text
    with make.app.app_context():
        assert case.rows() == before
    confirmed = client.post(page, data=form | {"reason": REASON})
    assert (confirmed.status_code, confirmed.location) == (303, page)
    assert 'data-testid="ask-undo"' in client.get(page).text
    undone = client.post(f"{page}/undo", data=form)
    assert (undone.status_code, undone.location) == (303, page)
    assert 'data-testid="ask-undo"' not in client.get(page).text
    assert len(re.findall(r'data-testid="(?:batch|decision)" data-state="undone"', client.get(case.path).text)) == 1
    assert client.get(f"{case.path}/unknown").status_code == 404


def test_the_page_of_a_task_shows_progress_and_what_stopped(
    client: Any, make: Any, kind: BatchKind[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "AT_ONCE", 1)
    with make.app.app_context():
        case = CASES[kind](make)
        batch = case.preview()
        case.confirm(batch)
        make.sign_in(client, case.person)
        job = case.view(batch).batch.job
    page = client.get(f"{case.path}/{batch}").text
    assert 'data-testid="job"' in page
    assert 'data-testid="continue"' not in page
    assert case.task in client.get(f"/jobs/{job}").text
    monkeypatch.setattr(case.kind, "_run_step", lambda *_args, **_given: 1 / 0)
    with make.app.app_context():
        jobs.run_due()
    assert 'data-testid="continue"' in client.get(f"{case.path}/{batch}").text
