"""Time: the one clock, and instants in integer milliseconds."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from lms.core.base.settings import settings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """This moment, aware, in UTC. Routes ask it once and pass it on as `at`."""
    return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 UTC of an aware moment, rounded down."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The aware UTC moment of `ms` milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=ms)


def day_of(moment: datetime, zone: str) -> date:
    """The calendar day of an instant in an IANA zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def start_of_day(day: date, zone: str) -> datetime:
    """The UTC instant at which a day begins in an IANA zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def reporting_zone() -> str:
    """The organiser's IANA zone: days, months and years of reports are counted in it."""
    return settings().reporting_zone
