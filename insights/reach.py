"""Who hears now and who later: channels and schedules, through quiet hours, to what is told at once and what waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from insights.on_call import on_call
from insights.quiet import quiet_until
from store.records import QuietHours, Schedule, Severity


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a workspace says about when whom to reach. `channels`: those that are there and switched on."""

    channels: frozenset[str]
    quiet: Mapping[str, QuietHours]
    schedules: Mapping[str, Schedule]

    def reach(self, channels: Iterable[str], schedules: Iterable[str], severity: Severity, now: datetime) -> dict[str, datetime | None]:
        """Channel -> None when it hears now, or when it hears. Nobody twice; nobody waits who is reached otherwise."""
        asked = [*channels, *(one for name in schedules for one in self._on_call(name, now))]
        reached: dict[str, datetime | None] = {}
        for one in dict.fromkeys(asked):
            if one in self.channels:
                for channel, until in self._awake(one, severity, now).items():
                    reached[channel] = None if until is None or reached.get(channel, until) is None else until
        return reached

    def _on_call(self, name: str, now: datetime) -> Sequence[str]:
        schedule = self.schedules.get(name)
        if schedule is None:
            return ()
        channel = on_call(schedule, now).channel
        # A page for somebody whose channel is gone goes to the others of the rotation: to nobody would be worse.
        return (channel,) if channel in self.channels else schedule.rotation

    def _awake(self, channel: str, severity: Severity, now: datetime) -> Mapping[str, datetime | None]:
        until = self._quiet_until(channel, severity, now)
        if until is None:
            return {channel: None}
        instead = [one for one in self.quiet[channel].pass_to if one in self.channels and self._quiet_until(one, severity, now) is None]
        return dict.fromkeys(instead) if instead else {channel: until}

    def _quiet_until(self, channel: str, severity: Severity, now: datetime) -> datetime | None:
        hours = self.quiet.get(channel)
        return None if hours is None else quiet_until(hours, now, severity)
