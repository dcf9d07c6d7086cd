"""Scores of what the kernel found against exact labels: contacts, strike types, drags."""

from dataclasses import dataclass, field

import numpy as np

from kernels.records import EventKind


@dataclass
class Score:
    """Counts over any number of feet; `f1` of hits, misses and false ones."""

    hits: int = 0
    missed: int = 0
    false: int = 0
    right: int = 0
    confused: dict[tuple[int, int], int] = field(default_factory=dict)
    errors_ms: list[float] = field(default_factory=list)

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(2 * self.hits + self.missed + self.false, 1)

    @property
    def right_share(self) -> float:
        return self.right / max(self.hits, 1)

    def add(self, other: "Score") -> None:
        for name in ("hits", "missed", "false", "right"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.errors_ms += other.errors_ms
        for key, n in other.confused.items():
            self.confused[key] = self.confused.get(key, 0) + n

    def __str__(self) -> str:
        errors = np.abs(self.errors_ms) if self.errors_ms else np.zeros(1)
        return (
            f"F1 {self.f1:.4f} hits {self.hits} missed {self.missed} false {self.false} "
            f"right {self.right_share:.4f} median error {np.median(errors):.1f} ms "
            f"p95 {np.percentile(errors, 95):.1f} confused {self.confused}"
        )


def pair(true_ns, found_ns, tolerance_ns):
    """Return pairs of indices, nearest first, each used once, at most `tolerance_ns` apart."""
    true_ns, found_ns = np.asarray(true_ns, np.int64), np.asarray(found_ns, np.int64)
    near = [
        (abs(int(f - t)), i, j)
        for i, t in enumerate(true_ns)
        for j, f in enumerate(found_ns)
        if abs(int(f - t)) <= tolerance_ns
    ]
    pairs, used_true, used_found = [], set(), set()
    for _, i, j in sorted(near):
        if i not in used_true and j not in used_found:
            pairs.append((i, j))
            used_true.add(i)
            used_found.add(j)
    return sorted(pairs)


def score_contacts(contacts, events, tolerance_ns=50_000_000):
    """Score initial contacts against labels with `time_ns` and `strike` (Strike's codes)."""
    found = events[events["kind"] == EventKind.STRIKE]
    pairs = pair(contacts["time_ns"], found["time_ns"], tolerance_ns)
    score = Score(len(pairs), len(contacts) - len(pairs), len(found) - len(pairs))
    for i, j in pairs:
        truth, said = int(contacts["strike"][i]), int(found["detail"][j])
        score.right += truth == said
        if truth != said:
            score.confused[truth, said] = score.confused.get((truth, said), 0) + 1
        score.errors_ms.append(float(found["time_ns"][j] - contacts["time_ns"][i]) / 1e6)
    return score


def score_times(true_ns, found_ns, tolerance_ns):
    """Score instants against instants."""
    pairs = pair(true_ns, found_ns, tolerance_ns)
    score = Score(len(pairs), len(true_ns) - len(pairs), len(found_ns) - len(pairs))
    score.errors_ms = [float(found_ns[j] - true_ns[i]) / 1e6 for i, j in pairs]
    return score


def score_drags(drags, events, strides, slack_ns=60_000_000):
    """Score drag events against labelled intervals; `right`: the stride says the right kind."""
    found = events[events["kind"] == EventKind.TOE_DRAG]
    free = set(range(len(found)))
    score = Score()
    for drag in drags:
        start, end = int(drag["start_ns"]) - slack_ns, int(drag["end_ns"]) + slack_ns
        inside = [j for j in sorted(free) if start <= int(found["time_ns"][j]) <= end]
        if not inside:
            score.missed += 1
            continue
        free.discard(inside[0])
        score.hits += 1
        contact = strides["initial_contact_ns"]
        closing = strides[contact >= int(drag["start_ns"])][:1]
        said = int(closing["drag"][0]) if len(closing) else 0
        score.right += said == int(drag["kind"])
        if said != int(drag["kind"]):
            key = (int(drag["kind"]), said)
            score.confused[key] = score.confused.get(key, 0) + 1
        score.errors_ms.append(float(found["decided_ns"][inside[0]] - drag["start_ns"]) / 1e6)
    score.false = len(free)
    return score
