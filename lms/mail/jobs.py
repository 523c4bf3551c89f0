"""Recurring tasks of mail: they send what is due, and read what came back."""

import threading
from collections.abc import Sequence
from datetime import datetime

from flask import Flask, current_app

from lms.core.background import signals
from lms.core.background.processes import WORKERS, process_name
from lms.core.background.recurring import at_end, recurring
from lms.core.database.session import db
from lms.core.storage.locks import abandoned_folders, remove_abandoned
from lms.core.time import clock
from lms.mail import bounce_mailbox, rendering, sending
from lms.mail.kinds import PRIORITIES


@signals.on_signal(signals.MAIL)
def send_mail(app: Flask, stopping: threading.Event, *, priorities: Sequence[int] = PRIORITIES) -> bool:
    """Sends all mail of these priorities that is due, over one connection, until `stopping` is set.

    Returns whether some is due that the limit for each minute held back.
    """
    limit = app.extensions["lms.config"].mail_per_minute or None
    with app.app_context(), rendering.sender(app) as send:
        while not stopping.is_set() and sending.send_due(send, at=clock.now(), per_minute=limit, priorities=priorities):
            pass
        is_held_back = limit is not None and sending.is_due(at=clock.now(), priorities=priorities)
        db.session.remove()
    return is_held_back


@signals.on_signal(signals.MAIL)
def send_urgent_mail(app: Flask, stopping: threading.Event) -> bool:
    """Sends urgent mail, such as sign-in links, in parallel with other mail."""
    return send_mail(app, stopping, priorities=PRIORITIES[:1])


def read_returned_mail(*, at: datetime) -> None:
    """Reads the mailbox for returned mail if there is one and it is due."""
    if address := current_app.extensions["lms.config"].bounce_url:
        bounce_mailbox.read_when_due(address, at=at)


def free_mail_of_dead_neighbours(*, at: datetime) -> None:
    """Gives back at once the e-mails that workers with this data folder held when they died."""
    folder = current_app.extensions["lms.config"].folder / WORKERS
    dead = abandoned_folders(folder) if folder.exists() else []
    if dead:
        sending.give_back_of([path.name for path in dead], at=at)
        for path in dead:
            remove_abandoned(path)


def free_own_mail(*, at: datetime) -> None:
    """Gives back the e-mails that this worker took and has not sent."""
    sending.give_back_of([process_name()], at=at)


at_end(free_own_mail)
recurring("mail of dead workers", sending.give_back_of_dead)
recurring("mail of dead workers here", free_mail_of_dead_neighbours, is_leased=False)
recurring("returned mail", read_returned_mail, thread="returned mail")
