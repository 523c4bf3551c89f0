"""Images in place of those that the compose files name, made from Debian's packages: no registry of images is asked.

They have the same programs, names and ways to be given a password. Once made, they are kept by podman.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BASE = "localhost/serai-tests-base"
_PACKAGES = "ca-certificates,curl,netcat-openbsd,nginx,postgresql-17,python3,python3-venv,valkey-server,valkey-tools"
_POSTGRESQL = r"""#!/bin/sh
set -eu
export PGDATA=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
  install -d -o postgres -m 0700 "$PGDATA"
  exec setpriv --reuid postgres --regid postgres --clear-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "$PGPASSWORD" >/tmp/password
  initdb -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 \
    -E UTF8 --locale=C.UTF-8
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl -o "-c listen_addresses=''" -w start
  createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -w stop
fi
exec "$@" -c listen_addresses='*'
"""
_IMAGES = {
    "docker.io/library/python:3.11-slim-trixie": (
        "COPY authorities.pem /etc/ssl/certs/ca-certificates.crt\n"
        "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt\n"
        "RUN ln -s python3 /usr/bin/python"
    ),
    "docker.io/library/postgres:17": (
        "ENV PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin\n"
        "COPY --chmod=755 postgresql /usr/bin/docker-entrypoint\n"
        'ENTRYPOINT ["docker-entrypoint"]\nVOLUME /var/lib/postgresql/data\nSTOPSIGNAL SIGINT'
    ),
    "docker.io/library/nginx:1.28": "RUN rm /etc/nginx/sites-enabled/default",
    "docker.io/valkey/valkey:8": "",
    "docker.io/chrislusf/seaweedfs:latest": "COPY weed /usr/bin/weed",
}
"""What is added to the base, by the names that podman gives the images of the compose files."""


def make_all() -> None:
    """Makes the images that are not there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not _is_there(BASE):
            root = folder / "root"
            subprocess.run(["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "trixie", root], check=True)
            packed = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
            subprocess.run(["podman", "import", "-", BASE], stdin=packed.stdout, check=True)
            shutil.rmtree(root)
        (folder / "postgresql").write_text(_POSTGRESQL, encoding="ascii")
        shutil.copy(Path(sys.executable).with_name("weed"), folder)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder / "authorities.pem")  # this machine's, with its own
        for image, lines in _IMAGES.items():
            if not _is_there(image):
                command = ["podman", "build", "-q", "--pull=never", "-t", image, "-f", "-", folder]
                subprocess.run(command, input=f"FROM {BASE}\n{lines}\n", text=True, check=True, env=os.environ)


def _is_there(image: str) -> bool:
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0
