"""Jobs of enrolment: decisions about more people than one request should hold."""

from __future__ import annotations

from lms.batches.kinds import register
from lms.enrolment.batch_actions import ENROLMENT_CHANGES

register(ENROLMENT_CHANGES)
