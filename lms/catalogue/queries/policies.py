"""Policies of series and lectures."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm.util import identity_key

from lms.catalogue.models import Lecture, Policy, Series
from lms.core.db import db

# Policies
_NEWEST_POLICY = (
    select(Policy).where(Policy.series_id == bindparam("series_id")).order_by(Policy.version.desc()).limit(1)
)


_POLICIES = select(Policy).where(Policy.series_id.in_(bindparam("ids", expanding=True))).order_by(Policy.version)


def current_policy(series_id: int) -> Policy:
    """Returns the newest policy of a series, which applies to lectures not yet held."""
    return db.session.scalars(_NEWEST_POLICY, {"series_id": series_id}).one()


def current_policies(series_ids: Iterable[int]) -> dict[int, Policy]:
    """The newest policy of each of these series."""
    found = db.session.scalars(_POLICIES, {"ids": list(series_ids)})
    return {policy.series_id: policy for policy in found}


def slugs_without_certificate() -> frozenset[str]:
    """The series whose newest policy gives no certificate."""
    return frozenset(db.session.scalars(_WITHOUT_CERTIFICATE))


_LAST_VERSION = (
    select(func.max(Policy.version)).where(Policy.series_id == Series.id).correlate(Series).scalar_subquery()
)
_WITHOUT_CERTIFICATE = (
    select(Series.slug)
    .join(Policy, Policy.series_id == Series.id)
    .where(Policy.version == _LAST_VERSION, Policy.certificate.is_(None))
)


def policy_for(lecture: Lecture) -> Policy:
    """The policy a lecture was held under, or the one it will be."""
    if lecture.policy_id is None:
        return current_policy(lecture.series_id)
    read_already = db.session.identity_map.get(identity_key(Policy, lecture.policy_id))
    return read_already or db.session.scalars(_POLICY, {"policy_id": lecture.policy_id}).one()


_POLICY = select(Policy).where(Policy.id == bindparam("policy_id"))
