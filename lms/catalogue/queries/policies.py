"""Policies of series and lectures."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm.util import identity_key

from lms.catalogue.models import Lecture, Policy, Series
from lms.core.database.session import db

# Policies


def current_policy(series_id: int) -> Policy:
    """Returns the newest policy of a series, which applies to lectures not yet held."""
    query = select(Policy).where(Policy.series_id == series_id).order_by(Policy.version.desc()).limit(1)
    return db.session.scalars(query).one()


def current_policies(series_ids: Iterable[int]) -> dict[int, Policy]:
    """The newest policy of each of these series."""
    query = select(Policy).where(Policy.series_id.in_(list(series_ids))).order_by(Policy.version)
    return {policy.series_id: policy for policy in db.session.scalars(query)}


def slugs_without_certificate() -> frozenset[str]:
    """The series whose newest policy gives no certificate."""
    versions = select(func.max(Policy.version)).where(Policy.series_id == Series.id)
    query = (
        select(Series.slug)
        .join(Policy, Policy.series_id == Series.id)
        .where(Policy.version == versions.correlate(Series).scalar_subquery(), Policy.certificate.is_(None))
    )
    return frozenset(db.session.scalars(query))


def policy_for(lecture: Lecture) -> Policy:
    """The policy a lecture was held under, or the one it will be."""
    if lecture.policy_id is None:
        return current_policy(lecture.series_id)
    read_already = db.session.identity_map.get(identity_key(Policy, lecture.policy_id))
    return read_already or db.session.scalars(select(Policy).where(Policy.id == lecture.policy_id)).one()
