"""Bare typst, in a process of its own since it remembers what it has set: `python -m bench.bare`.

Reads a `Job` as JSON on standard input: sets the first document to have read its fonts, then answers what the
others took, and what they took with the digest and the bare signature of each. It imports nothing of the product.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typst
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Job:
    """The documents of one template as their inputs."""

    template: str
    folders: list[str]
    standards: Any
    documents: list[dict[str, str]]


def run(job: Job) -> tuple[float, float]:
    """Seconds of the processor: setting, and setting and signing."""
    key, signing = ec.generate_private_key(ec.SECP256R1()), 0.0
    root = str(Path(job.template).parent)
    compiler = typst.Compiler(job.template, root=root, font_paths=job.folders, ignore_system_fonts=True)
    began = 0.0
    for number, inputs in enumerate(job.documents):
        if number == 1:
            began = time.process_time()
        pdf = compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=job.standards, timestamp=0)
        if number and isinstance(pdf, bytes):
            before = time.process_time()
            key.sign(pdf, ec.ECDSA(hashes.SHA256()))
            signing += time.process_time() - before
    took = time.process_time() - began
    return took - signing, took


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Job(**json.loads(sys.stdin.buffer.read())))))
