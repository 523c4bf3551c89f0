"""The baseline of every page: a Flask application whose one page says nothing, on the server that Serai runs on.

`python -m bench.empty PORT WORKERS` serves it until it is told to stop.
"""

from __future__ import annotations

import sys

from flask import Flask
from gunicorn.app.base import BaseApplication

from lms.config import Config
from lms.web_process import server_options


class Empty(BaseApplication):
    """One page with nothing in it, served with the very options of `lms serve`."""

    def load_config(self) -> None:
        """Gunicorn's own name for it."""
        options = server_options(Config.load(), host="127.0.0.1", port=int(sys.argv[1]), workers=int(sys.argv[2]))
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Gunicorn's own name for it."""
        app = Flask("empty", static_folder=None)

        @app.route("/", methods=["GET", "POST"])
        def nothing() -> str:
            return ""

        return app


if __name__ == "__main__":
    Empty().run()
