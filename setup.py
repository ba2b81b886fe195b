"""Builds every ext/**/*.pyx as the extension module its path names.

KVDDEV_BUILD chooses the form: release (default), dev (quick to build, bounds checked), trace (line coverage of .pyx), asan
(address sanitizer). Only dev and release are built in place; see Makefile. KVD_BUILD and KVD_PROBES, the names until 0.1, are
read too; other KVD_* variables are options of `kvd serve`.
C code is in headers beside the .pyx and .pxd files, named in full ("kvd/core/clock.h"): so cythonize finds them, and builds
anew what includes one that has changed.
Files named _*.pyx are test probes: built in every form but release wheels (KVDDEV_PROBES=0).
"""

import os
import re
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

BUILDS = {  # C flags, macros, directives
    "release": (["-O2", "-g0"], [], {}),
    "dev": (["-O0", "-g1"], [], {}),
    "trace": (["-O0", "-g0"], [("CYTHON_TRACE_NOGIL", "1")], {"linetrace": True}),
    "asan": (["-O1", "-g1", "-fsanitize=address", "-fno-omit-frame-pointer"], [], {}),
}


def variable(name, default):
    return os.environ.get(f"KVDDEV_{name}") or os.environ.get(f"KVD_{name}") or default


BUILD = variable("BUILD", "release")
FLAGS, MACROS, DIRECTIVES = BUILDS[BUILD]
if sys.platform == "linux":  # calls into the interpreter straight through the table of addresses: a get is 4 % quicker
    FLAGS = [*FLAGS, "-fno-plt"]
PROBES = variable("PROBES", "0") == "1" or BUILD != "release"
VERSION = re.search(r'^version = "(.+)"$', Path("pyproject.toml").read_text(), re.M)[1]  # for kvd.__version__ and INFO
COMMON = ["-Wno-sign-compare", "-Wno-unused-function", "-Wno-unreachable-code", "-fno-strict-aliasing", "-fwrapv",
          "-Wformat", "-Werror=format-security"]  # the last as in Debian's Python, whatever Python builds here


def extension(path):
    name = ".".join(path.relative_to("ext").with_suffix("").parts)
    link = ["-fsanitize=address"] if BUILD == "asan" else []
    versioned = name == "kvd.commands.info"
    return Extension(name, [str(path)], include_dirs=["ext"], extra_compile_args=FLAGS + COMMON,
                     define_macros=MACROS + [("KVD_VERSION", f'"{VERSION}"')] * versioned,
                     depends=["pyproject.toml"] * versioned, extra_link_args=link + ["-pthread"])


setup(
    ext_modules=cythonize(
        [extension(p) for p in sorted(Path("ext").rglob("*.pyx")) if PROBES or not p.name.startswith("_")],
        include_path=["ext"],
        nthreads=os.cpu_count() or 1,
        emit_linenums=BUILD == "asan",
        build_dir=None if BUILD == "trace" else f"build/cython-{BUILD}",
        show_all_warnings=False,
        compiler_directives={
            "language_level": "3",
            "freethreading_compatible": True,
            "cdivision": True,
            "wraparound": False,
            "boundscheck": BUILD != "release",
            "initializedcheck": False,
        } | DIRECTIVES,
    ),
    options={"build_ext": {"parallel": os.cpu_count() or 1}, "build": {"build_base": f"build/{BUILD}"}},
)
