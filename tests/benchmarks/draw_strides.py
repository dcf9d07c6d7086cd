"""Draw what the kernel sees of a heel-first, a toe-first and a dragged stride.

python tests/benchmarks/draw_strides.py

Writes kernels/strides.svg from the virtual patient; the same sources give the same bytes.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from hw.virtual import DeviceConfig, LegConfig, PatientConfig, VirtualPatient  # noqa: E402
from kernels import FootConfig, FootKernel  # noqa: E402 - the repository comes first on the path
from kernels._imu import ImuChain  # noqa: E402
from kernels.config import FOREFOOT_FROM_X, HEEL_BELOW_X  # noqa: E402
from kernels.records import DragKind, EventKind, Strike  # noqa: E402

TARGET = ROOT / "kernels" / "strides.svg"
SEED = 3
SECONDS = 90
MARGIN_S = 0.15
REGIONS = (("heel", "#0072b2"), ("midfoot", "#999999"), ("forefoot", "#d55e00"))
MARKS = {
    EventKind.TOE_OFF: ("toe off", "#555555", ":"),
    EventKind.INITIAL_CONTACT: ("initial contact", "#000000", "-"),
    EventKind.TOE_DRAG: ("toe drag", "#cc0000", "--"),
}
STYLE = {"svg.hashsalt": "strides", "svg.fonttype": "none", "font.size": 9, "axes.grid": False}


def walk():
    """Return the left foot's samples, its config, and what the kernel finds in them."""
    left = LegConfig(drop=0.6, drag_rate=0.2)
    patient = PatientConfig(speed_m_s=0.9, left=left, device=DeviceConfig(cells=16))
    recording, _ = VirtualPatient(patient, SEED).recording(SECONDS)
    profile, foot = recording.profile.left, recording.feet["left"]
    config = FootConfig("left", profile.x, profile.y, "foot", 0.26, profile.to_toe_m)
    kernel = FootKernel(config)
    found, rest = kernel.push(foot.time_ns, foot.load, foot.imu), kernel.finish()
    events, strides = (np.concatenate(parts) for parts in zip(found, rest, strict=True))
    return foot, config, events, strides


def chosen(strides):
    """Return (title, stride) of the first stride of each sort after the walk has settled."""
    later = strides[8:]
    free = later["drag"] == DragKind.NONE
    sorts = (
        ("Heel first", free & (later["strike"] == Strike.HEEL)),
        ("Toe first", free & (later["strike"] == Strike.TOE)),
        ("Dragged (scuff)", later["drag"] == DragKind.SCUFF),
        ("Dragged", ~free),
    )
    found = [(title, later[rows][0]) for title, rows in sorts if rows.any()]
    return found[:3]


def draw_load(axes, time_s, loads):
    """Draw the load of the regions, float64[3, n], as shares of the stance peak [%]."""
    for load, (name, colour) in zip(loads, REGIONS, strict=True):
        axes.plot(time_s, load, color=colour, label=name, linewidth=1.4)
    axes.axhline(3, color="#cc0000", linewidth=0.5, alpha=0.6)


def draw_events(axes, events, begin_ns, end_ns, zero_ns):
    """Mark the events of a stretch of time, once per kind in the legend."""
    for kind, (name, colour, style) in MARKS.items():
        inside = (events["kind"] == kind) & (events["time_ns"] >= begin_ns)
        inside &= events["time_ns"] <= end_ns
        for n, time_ns in enumerate(events["time_ns"][inside]):
            at = (int(time_ns) - zero_ns) / 1e9
            label = name if n == 0 else None
            axes.axvline(at, color=colour, linestyle=style, linewidth=1.1, label=label)


def figure():
    """Return the figure: a column per stride, load above and foot pitch below."""
    foot, config, events, strides = walk()
    x = np.array(config.x)
    rows = (x < HEEL_BELOW_X, (x >= HEEL_BELOW_X) & (x <= FOREFOOT_FROM_X), x > FOREFOOT_FROM_X)
    loads = np.stack([np.nansum(foot.load[:, cells], axis=1) for cells in rows])
    loads = 100 * loads / np.percentile(loads.sum(axis=0), 99)
    chain = ImuChain("foot", config.to_toe_m, config.foot_length_m)
    pitch = chain.run(foot.time_ns, np.ascontiguousarray(foot.imu))["pitch_deg"]
    picture = Figure(figsize=(10, 5.2), layout="constrained")
    grid = picture.subplots(2, 3, sharex="col", sharey="row", height_ratios=(2, 1))
    for column, (title, stride) in zip(grid.T, chosen(strides), strict=True):
        zero_ns = int(stride["initial_contact_ns"])
        begin_ns = int(stride["previous_contact_ns"]) - int(MARGIN_S * 1e9)
        end_ns = zero_ns + int(3 * MARGIN_S * 1e9)
        part = (foot.time_ns >= begin_ns) & (foot.time_ns <= end_ns)
        time_s = (foot.time_ns[part] - zero_ns) / 1e9
        draw_load(column[0], time_s, loads[:, part])
        column[1].plot(time_s, pitch[part], color="#333333", linewidth=1.4)
        column[1].axhline(0, color="#999999", linewidth=0.5)
        for axes in column:
            draw_events(axes, events, begin_ns, end_ns, zero_ns)
        column[0].set_title(title)
        column[1].set_xlabel("time from the closing contact [s]")
    grid[0, 0].set_ylabel("load [% of stance peak]")
    grid[1, 0].set_ylabel("foot pitch [deg]\ntoes up +")
    entries = {}
    for axes in grid[0]:
        lines, names = axes.get_legend_handles_labels()
        entries |= dict(zip(names, lines, strict=True))
    picture.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=6)
    return picture


def main():
    with mpl.rc_context(STYLE):
        figure().savefig(TARGET, format="svg", metadata={"Date": None, "Creator": None})
    text = TARGET.read_text(encoding="utf-8")
    TARGET.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", "utf-8")
    sys.stdout.write(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    main()
