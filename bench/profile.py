"""Where a request's time goes: our modules and libraries by own and cumulated time, and every statement."""

from __future__ import annotations

import cProfile
import pstats
import re
import sysconfig
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bench.served import ROOT
from bench.site import ACCOUNTS, PASSWORD, Bench
from lms.app import create_app

_STANDARD = sysconfig.get_paths()["stdlib"] + "/"
Entries = dict[tuple[str, int, str], tuple[int, int, float, float, Any]]


@click.command()
@click.argument("path")
@click.option("--as", "who", type=click.Choice([*ACCOUNTS, "nobody"]), default="nobody", show_default=True)
@click.option("--times", default=50, show_default=True, help="Requests that are profiled, after some that warm up.")
@click.option("--lines", default=25, show_default=True, help="Lines of each list.")
@click.option("--calls", is_flag=True, help="Lists single functions of libraries too.")
@click.pass_obj
def profile(bench: Bench, path: str, who: str, times: int, lines: int, calls: bool) -> None:
    """Asks for PATH in this process and prints where its time goes.

    PATH may hold {held}, {series} and {live}: what `make bench` asks for, such as /lectures/{held}/roster.
    """
    named = bench.places
    path = path.format(held=named.held, series=named.series, live=named.live)
    app = create_app(bench.config)
    client = app.test_client()
    if who != "nobody":
        _sign_in(client, ACCOUNTS[who])
    headers = {"Accept-Encoding": "gzip"}
    for _turn in range(10):
        answer = client.get(path, headers=headers)
        if answer.status_code != 200:
            raise click.ClickException(f"{path} is answered with {answer.status_code}")
    bare = Flask("empty", static_folder=None)
    bare.add_url_rule("/", "nothing", lambda: "")
    click.echo(f"{path} as {who}: {len(answer.data):,} bytes")
    click.echo(f"  {_cpu_ms(client, path, times):.2f} CPU ms a request, without a profiler or a server")
    click.echo(f"  {_cpu_ms(bare.test_client(), '/', 500):.2f} CPU ms an empty Flask page, likewise")
    _statements(client, path)
    profiler = cProfile.Profile()
    profiler.enable()
    for _turn in range(times):
        client.get(path, headers=headers)
    profiler.disable()
    entries: Entries = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    _places(entries, times, lines)
    _functions(entries, times, lines, calls=calls)


def _sign_in(client: FlaskClient, email: str) -> None:
    token = re.search(r'name="?csrf_token"?[^>]*value="?([^" >]+)', client.get("/sign-in").text)
    assert token is not None
    answer = client.post("/sign-in", data={"email": email, "password": PASSWORD, "csrf_token": token[1]})
    assert answer.status_code == 302, answer.status_code


def _cpu_ms(client: FlaskClient, path: str, times: int) -> float:
    began = time.process_time()
    for _turn in range(times):
        client.get(path, headers={"Accept-Encoding": "gzip"})
    return (time.process_time() - began) * 1000 / times


def _statements(client: FlaskClient, path: str) -> None:
    """Every statement of one request, with the milliseconds until the database had run it."""
    ran: list[tuple[float, str]] = []
    began = 0.0

    def before(*_given: Any) -> None:
        nonlocal began
        began = time.perf_counter()

    def after(_connection: Any, _cursor: Any, statement: str, *_given: Any) -> None:
        ran.append(((time.perf_counter() - began) * 1000, " ".join(statement.split())))

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        client.get(path)
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)
    click.echo(f"\n{len(ran)} statements, {sum(spent for spent, _text in ran):.2f} ms (rows are read afterwards)")
    for spent, text in ran:
        selected = re.sub(r"SELECT .*? FROM", "SELECT … FROM", text, count=1)
        click.echo(f"  {spent:6.2f} ms  {selected[:150]}")


def _place(file: str) -> str:
    """A module of ours by its path, a library by its name, a template by its own."""
    if file.startswith(str(ROOT)) and ".venv" not in file:
        return str(Path(file).relative_to(ROOT))
    if "site-packages/" in file:
        return "library " + file.split("site-packages/")[1].split("/")[0].removesuffix(".py")
    if file.startswith(_STANDARD):
        return "Python " + file.removeprefix(_STANDARD).split("/")[0].removesuffix(".py")
    return "built in" if file == "~" else file


def _places(entries: Entries, times: int, lines: int) -> None:
    """Own time, summed over each module of ours and each library; what is built in counts for who called it."""
    spent_in: dict[str, float] = defaultdict(float)
    for (file, _line, _name), (_primitive, _calls, spent, _cumulated, callers) in entries.items():
        if file != "~":
            spent_in[_place(file)] += spent
            continue
        for (caller, _at, _function), given in callers.items():
            spent_in[_place(caller)] += given[2]
    total = sum(spent_in.values())
    click.echo(f"\nOwn time a request, under the profiler ({total * 1000 / times:.2f} ms in all)")
    for place, spent in sorted(spent_in.items(), key=lambda item: -item[1])[:lines]:
        click.echo(f"  {spent * 1000 / times:7.3f} ms  {spent / total:4.0%}  {place}")


def _functions(entries: Entries, times: int, lines: int, *, calls: bool) -> None:
    """Cumulated time of our functions and templates."""
    shown = []
    for (file, line, name), (_primitive, count, spent_inside, cumulated, _callers) in entries.items():
        place = _place(file)
        if calls or not place.startswith(("library", "Python", "built in", "bench/")):
            shown.append((cumulated, spent_inside, count, f"{place}:{line} {name}"))
    click.echo("\nCumulated time a request, under the profiler: our functions" + (" and all others" if calls else ""))
    click.echo("  cumulated       own   calls")
    for cumulated, spent_inside, count, name in sorted(shown, reverse=True)[:lines]:
        click.echo(
            f"  {cumulated * 1000 / times:6.2f} ms {spent_inside * 1000 / times:6.2f} ms {count / times:6.1f}  {name}"
        )
