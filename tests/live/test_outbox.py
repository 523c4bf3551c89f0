"""What the page of a lecture keeps of what it recorded, by what the server or something before it answers."""

from __future__ import annotations

from typing import Any

from tests.rows import each_row
from tests.scripts import SCRIPTS, run_script

OUTBOX = (SCRIPTS / "studio/outbox.js").as_uri()
HTML = {"Content-Type": "text/html"}
PROBLEM = {"Content-Type": "application/problem+json"}
TAKEN = [200, {"next_chunk": 1}]


def send(*answers: Any, chunks: Any = (("/s", 0), ("/s", 1))) -> dict[str, Any]:
    """Sends chunks to a server that gives these answers, the last one again and again."""
    return run_script("outbox.mjs", {"outbox": OUTBOX, "chunks": list(chunks), "answers": list(answers)})


@each_row(
    "answer, trouble, waited",
    [
        ([429, "slow down", HTML | {"Retry-After": "7"}], "busy", 7),
        ([429, {"detail": "Too many requests."}, PROBLEM | {"Retry-After": "900"}], "busy", 300),
        ([408, "timeout", HTML], "busy", 1),
        ([503, {"detail": "Storage is away."}, PROBLEM | {"Retry-After": "60"}], "busy", 5),
        ([502, "bad gateway", HTML], "lost", 1),
        ([0], "lost", 1),
        ([200, "Welcome to our hotel", HTML], "lost", 1),
    ],
)
def test_a_chunk_is_sent_again_until_the_server_has_it(answer: list[Any], trouble: str, waited: float) -> None:
    seen = send(answer, TAKEN)
    assert seen["sent"] == ["/s/0", "/s/0", "/s/1"]
    assert (seen["troubles"], seen["waits"]) == ([trouble, ""], [waited])
    assert (seen["receipts"], seen["left"]) == ([["/s/0", 200], ["/s/1", 200]], [])


@each_row("status", [409, 410, 422])
def test_an_answer_of_ours_that_is_final_ends_it(status: int) -> None:
    seen = send([status, {"detail": "This lecture is over."}, PROBLEM], TAKEN)
    assert (seen["receipts"], seen["left"]) == ([["/s/0", status], ["/s/1", 200]], [])


def test_the_same_status_of_a_proxy_does_not() -> None:
    seen = send([409, "conflict", HTML], TAKEN, chunks=[("/a", 0), ("/b", 0)])
    assert (seen["receipts"], seen["left"]) == ([["/b/0", 200]], ["/a/0"])


def test_a_chunk_that_is_too_large_for_a_proxy_holds_up_no_other() -> None:
    seen = send([413, "too large", HTML], TAKEN)
    assert (seen["sent"], seen["left"]) == (["/s/0", "/s/1"], ["/s/0"])


@each_row("status", [400, 401, 403, 404, 405])
def test_a_session_that_is_refused_is_kept_and_others_are_sent(status: int) -> None:
    refused = [status, {"detail": "Not yours."}, PROBLEM]
    seen = send(refused, TAKEN, chunks=[("/a", 0), ("/a", 1), ("/b", 0)])
    assert seen["sent"] == ["/a/0", "/b/0"]
    assert (seen["troubles"], seen["left"]) == (["busy", ""], ["/a/0", "/a/1"])
