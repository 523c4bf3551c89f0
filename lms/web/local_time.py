"""Local times in what programs send."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from apiflask.fields import NaiveDateTime, String

from lms.core.i18n import _l

_LOCAL = _l("Enter a local time without an offset, such as 2026-12-02T14:00.")


_LOCAL_PATTERN = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"


class LocalTime(NaiveDateTime):
    """A local date and time without an offset."""

    def __init__(self, **options: Any) -> None:
        # In the document too: a `date-time` of RFC 3339 would have an offset
        super().__init__(metadata={"format": "date-time-local", "pattern": _LOCAL_PATTERN}, **options)

    default_error_messages = {
        "invalid": _LOCAL,
        "invalid_awareness": _LOCAL,
        "format": _LOCAL,
        "null": _l("Field may not be null."),
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not re.fullmatch(_LOCAL_PATTERN, value, re.ASCII):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        read: datetime = super()._deserialize(value, attr, data, **kwargs)
        return read


class LocalTimeOut(String):
    """A local date and time of an answer, without an offset."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value.isoformat())
