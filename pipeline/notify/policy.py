"""Who is told what and when: pure functions over one patient's case.

    raised ─30 s or at once if high─> patient ─10 min─> caregiver ─next morning─> therapist's list
       └ over half an hour late: filed, pages nobody

- Gait and technical alarms are two groups. Of a group only the highest priority is paged; a page
  names what else is open.
- A page is repeated every 4 h until it is acknowledged. Within 2 h of a page the next one of its
  group has to be more urgent. At most 3 pages a day for each role, the last of them kept for high
  priority.
- From 22 to 7 o'clock only high priority pages; a morning summary tells the rest, and whatever
  cooldown and daily limit held back.
- A snooze silences its group for a while, up to its own priority, as long as its alert is open.
  An acknowledgement ends the telling of its alert. A silent or faulty sensor silences gait
  alarms of that foot.
- One all-clear when the last open alert of a group is over, to whom was told.

A wall clock that steps back makes things due at once: rather twice than never.
"""

import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from pipeline.notify.model import ROLES, Case, Episode, Page, Planned, Priority, Role

__all__ = ["BLINDING", "Policy", "list_time_ns", "plan", "plan_list"]

BLINDING: Final = frozenset({"sensor_fault", "sensor_silent"})
"""Technical rules whose alarm, from medium priority on, silences gait alarms of the same foot."""
_SECOND: Final = 10**9


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of the policy; times of day are local to the patient."""

    group_s: float = 30.0
    escalate_s: float = 600.0
    repeat_s: float = 4 * 3600.0
    cooldown_s: float = 2 * 3600.0
    most_per_day: int = 3
    quiet_from: time = time(22)
    quiet_to: time = time(7)
    late_s: float = 1800.0

    def is_quiet(self, moment: datetime) -> bool:
        """Say whether a local time lies in the quiet hours; equal ends: there are none."""
        at, begin, end = moment.time(), self.quiet_from, self.quiet_to
        return begin <= at < end if begin <= end else at >= begin or at < end


def plan(case: Case, now_ns: int, policy: Policy) -> list[Planned]:
    """Return the messages due now, and mark the case's episodes as told so."""
    now = _local(now_ns, case.zone)
    planned: list[Planned] = []
    for role in ROLES:
        if not role & case.reach:
            continue
        planned += _summary(case, role, now_ns, now, policy)
        for technical in (False, True):
            planned += _page(case, role, technical, now_ns, now, policy)
            planned += _all_clear(case, role, technical, now, policy)
    return planned


def _local(time_ns: int, zone: str) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, zoneinfo.ZoneInfo(zone))


# -- pages --------------------------------------------------------------------------------------


def _page(
    case: Case, role: Role, technical: bool, now_ns: int, now: datetime, policy: Policy
) -> Iterable[Planned]:
    active = _active(case, technical, now_ns)
    if not any(_is_due(each, role, case.reach, now_ns, policy) for each in active):
        return
    highest = max((each.priority for each in active if role in each.paged_ns), default=0)
    ready = [
        each
        for each in active
        if each.priority >= highest and _is_untold(each, role, now_ns, policy)
    ]
    if not ready:
        return
    ready.sort(key=lambda each: (-each.priority, role in each.paged_ns, each.number))
    if _is_held(ready[0].priority, case, role, technical, now_ns, now, policy):
        return
    for each in ready:
        each.paged_ns[role] = now_ns
        each.told |= role
    case.pages.append(Page(now_ns, role, technical, ready[0].priority))
    yield Planned("page", role, technical, tuple(ready))


def _active(case: Case, technical: bool, now_ns: int) -> list[Episode]:
    """Return the open alerts of a group that somebody should hear of."""
    return [
        each
        for each in case.episodes
        if each.technical == technical
        and each.is_open
        and not each.is_late
        and not each.is_settled
        and not _is_snoozed(each, case.episodes, now_ns)
        and not _is_inhibited(each, case.episodes)
    ]


def _is_snoozed(episode: Episode, others: Sequence[Episode], now_ns: int) -> bool:
    return any(
        now_ns - ack.time_ns < ack.snooze_s * _SECOND
        for each in others
        if each.is_open
        and each.technical == episode.technical
        and each.priority >= episode.priority
        for ack in each.acks
    )


def _is_inhibited(episode: Episode, others: Sequence[Episode]) -> bool:
    return not episode.technical and any(
        each.is_open
        and each.rule in BLINDING
        and each.priority >= Priority.MEDIUM
        and each.side == episode.side
        for each in others
    )


def _is_due(episode: Episode, role: Role, reach: Role, now_ns: int, policy: Policy) -> bool:
    wait_s = 0.0 if episode.priority == Priority.HIGH else policy.group_s
    if role == Role.CAREGIVER and reach & Role.PATIENT:
        wait_s += policy.escalate_s
    waited_ns = now_ns - episode.arrived_ns
    return waited_ns >= wait_s * _SECOND or waited_ns < 0


def _is_untold(episode: Episode, role: Role, now_ns: int, policy: Policy) -> bool:
    last_ns = episode.paged_ns.get(role)
    return last_ns is None or abs(now_ns - last_ns) >= policy.repeat_s * _SECOND


def _is_held(
    priority: Priority,
    case: Case,
    role: Role,
    technical: bool,
    now_ns: int,
    now: datetime,
    policy: Policy,
) -> bool:
    """Say whether quiet hours, cooldown or the daily limit hold a page back."""
    is_high = priority == Priority.HIGH
    if policy.is_quiet(now) and not is_high:
        return True
    pages = [page for page in case.pages if page.role == role]
    group = [page for page in pages if page.technical == technical]
    if group:
        last = group[-1]
        is_recent = abs(now_ns - last.time_ns) < policy.cooldown_s * _SECOND
        if is_recent and priority <= last.priority:
            return True
    today = sum(_local(page.time_ns, case.zone).date() == now.date() for page in pages)
    return today >= (policy.most_per_day if is_high else max(1, policy.most_per_day - 1))


# -- the morning --------------------------------------------------------------------------------


def _summary(
    case: Case, role: Role, now_ns: int, now: datetime, policy: Policy
) -> Iterable[Planned]:
    """Tell once a day, when the quiet hours are over, what this role was not paged for; what would
    be repeated now goes along."""
    today = now.date().isoformat()
    morning = now.replace(
        hour=policy.quiet_to.hour, minute=policy.quiet_to.minute, second=0, microsecond=0
    )
    if now < morning or policy.is_quiet(now) or case.summaries.get(role) == today:
        return
    untold = [
        each
        for each in case.episodes
        if role not in each.paged_ns
        and not role & each.summed
        and not each.is_late
        and not each.is_merged
        and not each.is_settled
        and (each.is_open or not each.is_listed)
        and each.arrived_ns < morning.timestamp() * 1e9
        and _is_due(each, role, case.reach, now_ns, policy)
        and not _is_snoozed(each, case.episodes, now_ns)
        and not _is_inhibited(each, case.episodes)
    ]
    if not untold:
        return
    again = [
        each
        for technical in (False, True)
        for each in _active(case, technical, now_ns)
        if role in each.paged_ns and _is_untold(each, role, now_ns, policy)
    ]
    for each in untold:
        each.summed |= role
    told = sorted(untold + again, key=lambda each: (-each.priority, each.technical, each.number))
    for each in told:
        if each.is_open:
            each.paged_ns[role] = now_ns
            each.told |= role
    case.summaries[role] = today
    yield Planned("summary", role, False, tuple(told))


def list_time_ns(now_ns: int, zone: str, policy: Policy) -> tuple[date, int] | None:
    """Return today's date and the time of today's list; None while it is too early."""
    now = _local(now_ns, zone)
    morning = now.replace(
        hour=policy.quiet_to.hour, minute=policy.quiet_to.minute, second=0, microsecond=0
    )
    if now < morning:
        return None
    return now.date(), round(morning.timestamp() * 1e9)


def plan_list(episodes: Sequence[Episode], before_ns: int) -> list[Episode]:
    """Return what belongs in a therapist's list: what came before and nobody acknowledged."""
    found = [
        each
        for each in episodes
        if each.arrived_ns < before_ns and not (each.is_listed or each.is_merged or each.is_settled)
    ]
    return sorted(found, key=lambda each: (each.technical, each.patient, -each.priority))


# -- the end ------------------------------------------------------------------------------------


def _all_clear(
    case: Case, role: Role, technical: bool, now: datetime, policy: Policy
) -> Iterable[Planned]:
    group = [each for each in case.episodes if each.technical == technical]
    told = [each for each in group if each.told & role]
    if not told or any(each.is_open for each in group) or policy.is_quiet(now):
        return
    told.sort(key=lambda each: (-each.priority, each.number))
    for each in told:
        each.told &= ~role
    yield Planned("clear", role, technical, tuple(told))
