"""Certificates issued, set, signed and kept, against bare typst, and typst and the bare signing of its bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import select

from bench.aims import CERTIFICATE_MS
from bench.bare import Job
from bench.database import copied, opened, spent_on
from bench.programme import (
    ENDED,
    SERIES,
    attendance_file,
    people_file,
    prepare_lecture,
    take_attendance,
    take_enrolments,
)
from bench.registry import topic
from bench.served import ROOT
from bench.site import Bench
from bench.table import CannotMeasure, Row
from lms.certificates.actions import batch_render
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.models import Certificate
from lms.certificates.pdf import store, typesetting
from lms.certificates.queries.certificates import get_pdf
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.text.typesetting import STANDARDS, font_folders, typeset

ISSUED = ENDED + timedelta(days=1)


@topic("certificates")
def certificates(bench: Bench) -> Iterator[Row]:
    """Issues to everybody who came, then asks for each file once, as its holder does; the fonts are read before."""
    count = bench.of(300, 4)
    inputs: list[Mapping[str, str]] = []
    noting = patch("lms.certificates.pdf.typesetting.typeset", _noting(inputs))
    with opened(copied(bench.prepared, bench.folder / "certificates")), noting:
        lecture_id = prepare_lecture()
        take_enrolments(people_file(count))
        take_attendance(lecture_id, attendance_file(count))
        store.installed_fonts()
        issuing, _result = spent_on(lambda: issue_certificates(SERIES, by=SYSTEM, at=ISSUED))
        numbers = list(db.session.scalars(select(Certificate.number).order_by(Certificate.id)))
        folders = font_folders()
        if len(numbers) < 2:
            raise CannotMeasure("no certificates were issued")
        get_pdf(numbers[0], by=SYSTEM)
        setting, _files = spent_on(lambda: [get_pdf(number, by=SYSTEM) for number in numbers[1:]])
        rows = list(db.session.scalars(select(Certificate).order_by(Certificate.id)))
        size = sum(len(store.find_pdf(row) or b"") for row in rows) / len(rows)
        for row in rows:
            store.forget_pdf(row)
        get_pdf(numbers[0], by=SYSTEM)
        with patch("lms.certificates.actions.batch_render.FEW", len(rows)):  # in this process, whose time is taken
            pressing, pressed = spent_on(lambda: batch_render.fill(SERIES, lambda *_: None))
        with patch("lms.certificates.actions.batch_render.FEW", 0):
            for row in rows:
                store.forget_pdf(row)
            together, _pressed = spent_on(lambda: batch_render.fill(SERIES, lambda *_: None))
    if pressed.made != len(numbers) - 1 or len(inputs) != 2 * len(numbers):
        raise CannotMeasure(f"{len(numbers)} certificates were issued, {len(inputs)} set, {pressed.made} made")
    others = len(numbers) - 1
    bare, signed = (seconds / others for seconds in _barely(inputs[: len(numbers)], folders))
    requesting, made = setting.cpu / others, pressing.cpu / others
    yield Row("certificate, issued", issuing.cpu / len(numbers) * 1000, "CPU ms", rate=len(numbers) / issuing.wall)
    yield Row(
        "certificate, asked for: set, signed, kept",
        requesting * 1000,
        "CPU ms",
        baseline=bare * 1000,
        rate=others / setting.wall,
        aim=CERTIFICATE_MS,
    )
    yield Row("… of many, against bare typst", made * 1000, "CPU ms", baseline=bare * 1000, rate=others / pressing.wall)
    yield Row(
        "… against typst and the bare signature",
        made * 1000,
        "CPU ms",
        baseline=signed * 1000,
        rate=len(numbers) / together.wall,
    )
    yield Row("a certificate's file", size / 1000, "kB")


def _noting(inputs: list[Mapping[str, str]]) -> Callable[[Path, Mapping[str, str], Sequence[Path]], bytes]:
    """Sets a document, and keeps what typst was given for it."""

    def note(template: Path, given: Mapping[str, str], folders: Sequence[Path]) -> bytes:
        inputs.append(given)
        return typeset(template, given, folders)

    return note


def _barely(inputs: Sequence[Mapping[str, str]], folders: Sequence[Path]) -> tuple[float, float]:
    """Seconds of the processor for all documents but the first: typst alone, and with a bare signature on each."""
    there = [str(folder) for folder in folders]
    job = Job(str(typesetting.TEMPLATE), there, list(STANDARDS), [dict(one) for one in inputs])
    given = json.dumps(asdict(job)).encode()
    done = subprocess.run([sys.executable, "-m", "bench.bare"], input=given, capture_output=True, cwd=ROOT, check=False)
    if done.returncode:
        raise CannotMeasure(f"bare typst failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
    setting, signing = json.loads(done.stdout)
    return float(setting), float(signing)
