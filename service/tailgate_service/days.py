"""Whole days of UTC, as dashboards count them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """So many whole days of UTC, the last of them ``today``; fewer where the calendar begins."""

    today: date
    count: int

    @property
    def first(self) -> date:
        """The first of them."""
        return self.today - timedelta(days=min(self.count, self.today.toordinal()) - 1)

    @property
    def since(self) -> datetime:
        """The moment in which they begin."""
        return datetime.combine(self.first, time.min, UTC)

    @property
    def until(self) -> datetime:
        """The moment in which they are over; where the calendar ends, its last."""
        if self.today == date.max:
            return datetime.max.replace(tzinfo=UTC)
        return datetime.combine(self.today + timedelta(days=1), time.min, UTC)
