"""Commands that serve the site, run its jobs and build the demonstration."""

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Web processes (LMS_WORKERS).")
def serve(host: str, port: int, workers: int | None) -> None:
    """Serves the site. On SQLite, also runs the background jobs and the packager."""
    from lms.config import Config
    from lms.serve import run

    run(Config.load(), host=host, port=port, workers=workers)


def _metrics_options(command: Callable[..., None]) -> Callable[..., None]:
    host = click.option("--metrics-host", default="127.0.0.1", show_default=True)
    port = click.option("--metrics-port", type=click.IntRange(1, 65535), help="Answers /metrics for Prometheus.")
    return port(host(command))


def _listen_address(host: str, port: int | None) -> tuple[str, int] | None:
    return None if port is None else (host, port)


@click.command()
@click.option("--with-server", is_flag=True, hidden=True, help="Stop when standard input closes.")
@_metrics_options
def worker(with_server: bool, metrics_host: str, metrics_port: int | None) -> None:
    """Runs background jobs and sends e-mail."""
    from lms.config import Config
    from lms.worker import run_worker

    config = Config.load()
    if config.is_demonstration_incomplete:
        from lms.app import create_app
        from lms.demo.build import add_rest

        add_rest(create_app, config, say=click.echo)
    run_worker(config, with_server=with_server, metrics=_listen_address(metrics_host, metrics_port))


@click.command()
@click.option("--with-server", is_flag=True, hidden=True, help="Stop when standard input closes.")
@_metrics_options
def packager(with_server: bool, metrics_host: str, metrics_port: int | None) -> None:
    """Packages lectures that are given in the browser, for viewers and as recordings."""
    from lms.config import Config
    from lms.core.background.processes import ProcessKind
    from lms.streaming.packager import run_packager
    from lms.worker import run_process

    address = _listen_address(metrics_host, metrics_port)
    run_process(Config.load(), ProcessKind.PACKAGER, run_packager, with_server=with_server, metrics=address)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--people", type=click.IntRange(min=1), default=None, help="Number of people. Fewer people build faster.")
@click.option("--keep", is_flag=True, help="Serve an existing demonstration even if it is older than a day.")
@click.option("--first", default="", help="A command that prepares what building needs.")
@click.option("--beside", default="", help="A command that prepares the site meanwhile. Serving begins after it.")
@click.option("--afterwards", default="", help="A command that prepares what the first page does not need.")
def demo(host: str, port: int, people: int | None, keep: bool, first: str, beside: str, afterwards: str) -> None:
    """Builds the demonstration programme in its own data folder and serves it."""
    preparing = _begun(first)  # before the imports, which take longer
    from lms.app import create_app, load_slices
    from lms.config import Config
    from lms.core.time import clock
    from lms.demo.build import ensure
    from lms.serve import run
    from lms.worker import stop_with_parent

    overrides = {"database_url": ""}
    if not os.environ.get("LMS_DATA"):
        overrides["data"] = "var/demonstration"
    if not os.environ.get("LMS_BASE_URL"):
        overrides["base_url"] = f"http://127.0.0.1:{port}"
    config = Config.load(None, **overrides)
    with _awaited(preparing, first):
        load_slices()
    preparing = _begun(beside)
    # Building starts threads, such as the typesetter's, that would be missing in forked web processes
    with _forked(stop_with_parent) as is_child, _awaited(None if is_child else preparing, beside):
        if is_child:
            ensure(create_app, config, people=people, keep=keep, now=clock.now(), say=click.echo, leave_rest=True)
    click.echo(f"Serving at http://{host}:{port} – sign in as admin@, instructor@, focal.ke@ or trainee@demo.test")
    sys.stdout.flush()
    _begun(afterwards)
    run(config, host=host, port=port)


def _begun(command: str) -> subprocess.Popen[bytes] | None:
    """Begins a command that was given at the terminal, if there is one."""
    return subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL) if command else None  # noqa: S603


@contextmanager
def _forked(watch_parent: Callable[[], None]) -> Iterator[bool]:
    """Runs the block in a child process, which stops with this one, and in this one, which then waits for the child.

    Yields whether it is the child. Exits where the child fails, with its exit code.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(theirs)
        os.dup2(ours, 0)
        threading.Thread(target=watch_parent, daemon=True).start()
        yield True
        sys.stdout.flush()
        os._exit(0)  # taking apart all that a build made takes more than a second
    os.close(ours)
    try:
        yield False
    finally:
        _pid, status = os.waitpid(child, 0)
        os.close(theirs)
    if status:
        sys.exit(os.waitstatus_to_exitcode(status) % 256)


@contextmanager
def _awaited(process: subprocess.Popen[bytes] | None, command: str) -> Iterator[None]:
    """Waits for a process after the block, and ends it where the block fails. Raises ClickException where it fails."""
    try:
        yield
    except BaseException:
        if process is not None:
            process.terminate()
        raise
    if process is not None and process.wait():
        raise click.ClickException(f"failed: {command}")
