"""The libraries are installed by uv from where pip would take them, and by pip where uv cannot."""

import sys
from pathlib import Path

import pytest

from tools import install

LISTED = """\
:env:.index-url='https://mirror.example/env/simple'
:env:.timeout='180'
freeze.timeout='10'
global.cert='/etc/ssl/ours.pem'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.find-links='/opt/one /opt/two'
global.index-url='https://mirror.example/simple'
install.no-compile='true'
"""


def test_uv_is_told_what_pip_is_set_to() -> None:
    assert install.variables(LISTED, {}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://mirror.example/env/simple",
        "UV_EXTRA_INDEX_URL": "https://one.example/simple https://two.example/simple",
        "UV_FIND_LINKS": "/opt/one,/opt/two",
        "SSL_CERT_FILE": "/etc/ssl/ours.pem",
        "UV_HTTP_TIMEOUT": "180",
    }


def test_what_is_set_for_uv_itself_stays() -> None:
    told = install.variables(LISTED, {"UV_DEFAULT_INDEX": "https://other.example/simple", "UV_HTTP_TIMEOUT": "5"})
    assert set(told) == {"UV_INDEX_STRATEGY", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "SSL_CERT_FILE"}


def test_nothing_is_named_where_pip_names_nothing() -> None:
    assert install.variables("", {}) == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


@pytest.mark.parametrize(("answer", "called"), [(0, ["config", "uv"]), (1, ["config", "uv", "pip"])])
def test_pip_installs_what_uv_cannot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: int, called: list[str]
) -> None:
    log = tmp_path / "log"
    for name, code in (("uv", answer), ("pip", 0)):
        stub = tmp_path / name
        stub.write_text(f'#!/bin/sh\n[ "$1" = config ] && echo config >>{log} || echo {name} $* >>{log}\nexit {code}\n')
        stub.chmod(0o755)
    monkeypatch.setattr(install, "UV", tmp_path / "uv")
    monkeypatch.setattr(install, "PIP", (str(tmp_path / "pip"),))
    monkeypatch.setattr(sys, "argv", ["install.py", "-r", "lock.txt"])
    if answer:
        with pytest.raises(SystemExit, match=r"^0$"):
            install.main()
    else:
        install.main()
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines] == called
    assert all("--require-hashes" in line and line.endswith("-r lock.txt") for line in lines[1:])
