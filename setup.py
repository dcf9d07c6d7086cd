"""Build of heelfirst: the packages, listed one by one, and the compiled gait kernel.

Metadata, extras and tools stand in pyproject.toml. `HEELFIRST_BOUNDSCHECK=1` builds the kernel
with bounds checks, for hunting an index error.
"""

import os

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

CHECKED = os.environ.get("HEELFIRST_BOUNDSCHECK") == "1"

EXTENSIONS = [
    Extension(
        name,
        [name.replace(".", "/") + ".pyx"],
        include_dirs=[numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        # No -ffast-math: a cut of the stream may not change a bit of the output.
        extra_compile_args=["-O3", "-ffp-contract=off"],
    )
    for name in (
        "kernels._imu_stride",
        "kernels._imu_pose",
        "kernels._imu",
        "kernels._parts",
        "kernels._found",
        "kernels._landing",
        "kernels._swing",
        "kernels._foot",
    )
]

setup(
    packages=[
        "heelfirst",
        "hw",
        "hw.calibration",
        "hw.devices",
        "hw.devices.lsm6dsox",
        "hw.devices.mcp3208",
        "hw.devices.moticon_udp",
        "hw.devices.openfoot",
        "hw.devices.orphe",
        "hw.devices.simulation",
        "hw.outputs",
        "hw.profiles",
        "hw.virtual",
        "kernels",
        "kernels.evaluation",
        "kernels.exercises",
        "edge",
        "edge.cues",
        "edge.exercises",
        "edge.setup",
        "edge.alerts",
        "edge.page",
        "edge.wire",
        "pipeline",
        "pipeline.care",
        "pipeline.export",
        "pipeline.notify",
        "pipeline.provision",
        "pipeline.report",
        "pipeline.report.plots",
        "pipeline.rollup",
        "pipeline.setup",
        "grafana",
    ],
    include_package_data=False,  # hw/firmware is no package: it goes into the sdist alone
    package_data={
        "hw": ["devices/*/profile.toml", "profiles/*.toml"],
        "kernels": ["*.pyx", "*.pxd", "*.pyi"],
        "edge": ["*.toml", "*.service"],
        "edge.page": ["static/*"],
        "pipeline": ["*.toml", "*.html.j2", "*.service"],
        "pipeline.provision": ["*.service", "*.timer"],
        "pipeline.report": ["*.j2"],
        "grafana": ["dashboards/*.json", "provisioning/*/*.yaml"],
    },
    ext_modules=cythonize(
        EXTENSIONS,
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "boundscheck": CHECKED,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": CHECKED,
            "embedsignature": True,
        },
    ),
)
