"""What the configuration of nginx on this machine says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("/etc/nginx/conf.d", "/etc/nginx/sites-enabled")
EXAMPLE_KEY = "the-value-of-LMS_MEDIA_KEY"
"""What `deploy/nginx` has in place of a key."""
_MEDIA_KEY = re.compile(r'map\s+\$host\s+\$serai_media_key\s*\{\s*default\s+"?([^";\s]+)"?\s*;')


def find_media_keys() -> Iterator[tuple[Path, str]]:
    """The keys that nginx checks addresses of picture and sound with, by file; none where no file can be read."""
    for folder in FOLDERS:
        try:
            paths = sorted(Path(folder).glob("*"))
            texts = [(path, path.read_text(encoding="utf-8", errors="replace")) for path in paths if path.is_file()]
        except OSError:
            continue
        for path, text in texts:
            if match := _MEDIA_KEY.search(text):
                yield path, match[1]
