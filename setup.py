"""Builds the alignment kernels with the package; everything else is in pyproject.toml.

They are a shared library with a plain C interface, not a Python module: no header of Python or torch is needed and one
build serves all versions. A machine without a compiler installs the package all the same.
"""

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = "src/ssr_connector/kernels/native"


class BuildLibrary(build_ext):
    """Names the library `_core.so` everywhere and asks for no Python entry point."""

    def get_ext_filename(self, fullname: str) -> str:
        """File of a module, without the tag of a Python version."""
        return fullname.replace(".", "/") + ".so"

    def get_export_symbols(self, ext: Extension) -> list[str]:  # noqa: ARG002 - setuptools' signature
        """None: there is no `PyInit` function."""
        return []


setup(
    cmdclass={"build_ext": BuildLibrary},
    ext_modules=[
        Extension(
            "ssr_connector.kernels._core",
            sources=[f"{FOLDER}/ctc.cpp", f"{FOLDER}/lexicon.cpp", f"{FOLDER}/mas.cpp"],
            depends=[f"{FOLDER}/viterbi.h"],
            # No -ffast-math: it would flush denormals in the whole process and forbid minus infinity.
            extra_compile_args=[
                "-std=c++17",
                "-O3",
                "-fno-math-errno",
                "-fno-trapping-math",
                "-Wno-ignored-attributes",
            ],
            language="c++",
            optional=True,
        )
    ],
)
