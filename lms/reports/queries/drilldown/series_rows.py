"""The registrations and certificates behind a figure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from sqlalchemy import select

from lms.attendance.facts import Columns
from lms.catalogue.models import CertificateKind
from lms.certificates.models import Award
from lms.core.db import read_column
from lms.reports.facts.segments import Part as FactsPart
from lms.reports.facts.selection import Numbers
from lms.reports.queries.drilldown.context import DrilldownContext, key_of_people, known_people
from lms.reports.queries.drilldown.rows import DrilldownRow, Listed

OF_KIND: Final = "of_kind"


def open_registrations(context: DrilldownContext) -> Listed:
    return _series_rows(context, context.selection.facts.registrations)


def open_certificates(context: DrilldownContext) -> Listed:
    return _series_rows(context, context.selection.facts.certificates, completion_ids())


def completion_ids() -> Numbers:
    """The ids of all awards of a completion."""
    return np.array(read_column(select(Award.id).where(Award.kind == CertificateKind.COMPLETION)), np.int64)


def _series_rows(context: DrilldownContext, parts: Sequence[FactsPart], completions: Numbers | None = None) -> Listed:
    """Registrations or awards; those that are alike with the highest id first."""
    columns = context.of_matching_people(context.selection.columns(parts, "id", "person", "country", "day"))
    if completions is not None:
        columns["completion"] = np.isin(columns["id"], completions)
        kind = context.request.filters.get(OF_KIND)
        if kind is not None:
            rows = np.flatnonzero(columns["completion"] == (kind == CertificateKind.COMPLETION))
            columns = {name: column[rows] for name, column in columns.items()}
    columns = context.arranged(columns, _key_of_series_rows(context, columns), -columns["id"].astype(np.int64))

    def between(start: int, end: int) -> list[DrilldownRow]:
        some = {name: column[start:end].tolist() for name, column in columns.items()}
        known = known_people(some["person"])
        kinds = [_kind(one) for one in some["completion"]] if completions is not None else [None] * len(some["id"])
        rows = zip(some["owner"], some["person"], some["country"], some["day"], kinds, strict=True)
        return [
            DrilldownRow(
                date.fromordinal(day), series=context.names.label("series", series), person=known[person][1],
                person_id=known[person][0], country=context.names.label("country", country or None), kind=kind,
            )
            for series, person, country, day, kind in rows
        ]  # fmt: skip

    return Listed(len(columns["id"]), between)


def _kind(is_completion: bool) -> str:
    return CertificateKind.COMPLETION if is_completion else CertificateKind.PARTICIPATION


def _key_of_series_rows(context: DrilldownContext, columns: Columns) -> Numbers:
    sort = context.request.sort
    if sort == "series":
        return context.places("series", context.names.series)[columns["owner"]]
    if sort == "kind":
        return -columns["completion"].astype(np.int64)
    return columns["day"].astype(np.int64) if sort == "day" else key_of_people(context, columns)
