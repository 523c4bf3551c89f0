"""Many viewers at once against a real server: every heartbeat that was acknowledged is in the database, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.site import Bench
from bench.viewers import WAYS, gather, room, send

pytestmark = pytest.mark.long
VIEWERS = 600


def test_every_acknowledged_heartbeat_of_many_is_kept_once(tmp_path: Path) -> None:
    audience = gather(Bench(tmp_path), VIEWERS)
    with room(audience, workers=2) as served:
        for seq, way in enumerate(WAYS, 1):
            came = send(served, audience, way, seq=seq)
            assert (came.acknowledged, came.lost, came.extra) == (VIEWERS, 0, 0), way.name
        for seq in range(1, len(WAYS) + 1):
            assert sorted(audience.stored(seq)) == audience.joins
