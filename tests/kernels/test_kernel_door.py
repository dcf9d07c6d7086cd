import numpy as np
import pytest
import synthetic

from kernels import FootConfig, FootKernel, KernelError, KernelInputError
from kernels.records import EVENT_DTYPE, STRIDE_DTYPE

N = 5


def samples(n=4, start=0):
    time_ns = (start + np.arange(n, dtype=np.int64)) * 10_000_000
    return time_ns, np.zeros((n, N), np.float32), np.zeros((n, 6), np.float32)


def test_no_samples_are_samples():
    kernel = FootKernel(synthetic.IMU_CONFIG)
    for load in (None, np.empty((0, N), np.float32)):
        events, strides = kernel.push(np.empty(0, np.int64), load, None)
        assert events.dtype == EVENT_DTYPE and strides.dtype == STRIDE_DTYPE
        assert len(events) == len(strides) == 0
    assert [len(a) for a in kernel.finish()] == [0, 0]


@pytest.mark.parametrize(
    ("change", "what", "says"),
    [
        (lambda t, p, i: (t[:, None], p, i), "time_ns", "one dimension"),
        (lambda t, p, i: (t.astype(float), p, i), "time_ns", "int64"),
        (lambda t, p, i: (t[::-1], p, i), "time_ns", "sort"),
        (lambda t, p, i: (np.zeros_like(t), p, i), "time_ns", "duplicates"),
        (lambda t, p, i: (t, p[:, :4], i), "load", "5 cells"),
        (lambda t, p, i: (t, p[:-1], i), "load", "one row per time"),
        (lambda t, p, i: (t, p.astype(str), i), "load", "float32"),
        (lambda t, p, i: (t, p, i[:, :3]), "imu", "6 axes"),
        (lambda t, p, i: (t, p, i.astype(complex)), "imu", "float32"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_taken(change, what, says):
    kernel = FootKernel(synthetic.IMU_CONFIG)
    with pytest.raises(KernelInputError, match=says) as caught:
        kernel.push(*change(*samples()))
    assert caught.value.what == what
    assert isinstance(caught.value, KernelError) and isinstance(caught.value, ValueError)
    kernel.push(*samples())


def test_time_may_not_go_back_between_pushes():
    kernel = FootKernel(synthetic.IMU_CONFIG)
    kernel.push(*samples())
    with pytest.raises(KernelInputError, match="last push") as caught:
        kernel.push(*samples(start=3))
    assert caught.value.index == 0
    kernel.push(*samples(start=4))


def test_first_wrong_sample_is_counted():
    time_ns, load, imu = samples(8)
    time_ns[5] = time_ns[4]
    with pytest.raises(KernelInputError) as caught:
        FootKernel(synthetic.IMU_CONFIG).push(time_ns, load, imu)
    assert caught.value.index == 5


def test_other_layouts_give_the_same():
    walk = synthetic.Walk().stand(1).steps(4)
    time_ns, load = walk.samples()
    plain = FootKernel(synthetic.CONFIG).push(time_ns, load, None)
    for other in (np.asfortranarray(load), load.astype(np.float64), load[:, ::-1][:, ::-1]):
        again = FootKernel(synthetic.CONFIG).push(time_ns.astype(np.uint64), other, None)
        assert again.events.tobytes() == plain.events.tobytes()
    assert len(plain.events) > 9


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "both"},
        {"x": (0.1, 1.2), "y": (0.5, 0.5)},
        {"x": (0.1, float("nan")), "y": (0.5, 0.5)},
        {"x": (0.1,), "y": ()},
        {"x": (0.5,) * 65, "y": (0.5,) * 65},
        {"mount": "hip"},
        {"foot_length_m": 26.0},
        {"to_toe_m": (0.1, 0.2)},
    ],
)
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(KernelInputError) as caught:
        FootConfig(**{"side": "left", **wrong})
    assert caught.value.what == "config"
