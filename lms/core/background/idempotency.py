"""Answers kept for a day, so that a call that is sent once more under the same key does nothing twice.

The response is stored in the same transaction as the change.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, String, Text, UniqueConstraint, delete, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from lms.core.base.errors import Refused
from lms.core.database.bulk import insert_many
from lms.core.database.session import Base, UtcDateTime, action, db
from lms.core.text.i18n import _

KEPT_FOR = timedelta(days=1)


class KeptAnswer(Base):
    """The answer to one person's call under one key. `digest` is of the call's method, address and body."""

    __tablename__ = "kept_answer"
    read_by_strangers = False
    __table_args__ = (UniqueConstraint("person_id", "key"), Index("ix_kept_answer_at", "at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int]
    key: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[int] = mapped_column(default=0)
    body: Mapped[str] = mapped_column(Text, default="")


@dataclass(frozen=True)
class Answer:
    """An answer as it is kept: status and body. `is_repeated` where it was given before."""

    status: int
    body: str
    is_repeated: bool = False


@action
def answer_once(person_id: int, key: str, digest: str, work: Callable[[], Answer], *, at: datetime) -> Answer:
    """The answer of `work`, done at most once a person and key within a day: afterwards the kept one.

    What `work` raises leaves nothing behind, so that the call may be tried again. Refused where the key was used for
    another call. A second call at the same time waits for the first.
    """
    db.session.execute(delete(KeptAnswer).where(KeptAnswer.at <= at - KEPT_FOR))
    row = {"person_id": person_id, "key": key, "digest": digest, "at": at, "status": 0, "body": ""}
    insert_many(KeptAnswer.__table__, [row], unless=("person_id", "key"))
    mine = select(KeptAnswer).where(KeptAnswer.person_id == person_id, KeptAnswer.key == key)
    stored = db.session.scalars(mine.execution_options(populate_existing=True)).one()
    if stored.digest != digest:
        raise Refused(_("This Idempotency-Key was already used for a different call. Use a new key for each call."))
    if stored.status:
        return Answer(stored.status, stored.body, is_repeated=True)
    kept_id = stored.id
    answer = work()
    changed = update(KeptAnswer).where(KeptAnswer.id == kept_id)
    db.session.execute(changed.values(status=answer.status, body=answer.body))
    return answer


def forget_answers(person_ids: Iterable[int], addresses: Iterable[str]) -> None:
    """Deletes the answers given to people and those that name an address, inside the running action."""
    named = [KeptAnswer.body.icontains(address, autoescape=True) for address in addresses]
    db.session.execute(delete(KeptAnswer).where(or_(KeptAnswer.person_id.in_(list(person_ids)), *named)))
