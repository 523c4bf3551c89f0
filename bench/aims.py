"""The aims of speed: what a person feels (docs/adr/0071). What has none here is measured and not judged."""

from __future__ import annotations

from typing import Final

from bench.table import Aim

TOPICS: Final = ("full-size", "live", "viewers", "certificates", "mass", "mail", "reports")
"""The topics that measure all of them: what `make bench` runs."""

PAGES_A_SECOND: Final = 20
"""12,000 people who open a page within ten minutes, as before a lecture."""
PAGE_MS: Final = Aim(150)
"""Of the slowest page, 95 of 100 at that rate."""
STRANGER: Final = Aim(6, of_ratio=True)
"""Of the empty page, eight clients at once."""
SAME: Final = Aim(1.2, of_ratio=True)
"""A roster of 10,000 beside one of 100."""
CORRECTIONS_A_SECOND: Final = 5
"""Many instructors who correct rosters at the same time."""
CORRECTION_MS: Final = Aim(250)
"""99 of 100 corrections at that rate."""
HEARTBEAT_MS: Final = Aim(100)
"""99 of 100 heartbeats of 10,000 viewers, 333 a second."""
DELAY_SECONDS: Final = Aim(8)
"""From the instructor's camera to a viewer's picture, with segments of two seconds."""
NONE: Final = Aim(0)
"""Nothing is lost."""
CERTIFICATE_MS, CERTIFICATES_SECONDS = Aim(50), Aim(600)
"""One that is set and signed; 10,000 of them on two cores."""
MAILS_SECONDS: Final = Aim(60)
"""10,000 e-mails to a server that takes them at once."""
SLICE_MS, CROSS_MS = Aim(300), Aim(2_000)
"""Figures of ten million attendances: any slice; by two dimensions."""
