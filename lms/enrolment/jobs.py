"""Jobs of enrolment: decisions about more people than one request should hold."""

from lms.batches.kinds import register
from lms.core.background.recurring import recurring
from lms.enrolment.batch_actions import ENROLMENT_CHANGES
from lms.enrolment.invitations import invite_due
from lms.enrolment.quotas import release_lapsed

register(ENROLMENT_CHANGES)

recurring("seats", release_lapsed)
recurring("invitations", invite_due)
