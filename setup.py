"""Puts the pin and the patches into the package: `dspy-async migrate` needs them where there is no checkout."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SHIPPED = "codemods/_project"


class BuildWithProject(build_py):
    """Copies them beside the modules. An editable install finds them where they are."""

    def run(self) -> None:
        super().run()
        for target, source in self._project_files().items():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *self._project_files()]

    def get_source_files(self) -> list[str]:
        # These go into the source archive, which a wheel can be built from.
        return [*super().get_source_files(), *self._project_files().values()]

    def _project_files(self) -> dict[str, str]:
        """Where each goes, and where it is, relative to the root."""
        if self.editable_mode:
            return {}
        found = [path for path in (ROOT / "patches").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        names = sorted(path.relative_to(ROOT).as_posix() for path in [ROOT / "pin.toml", *found])
        return {str(Path(self.build_lib) / SHIPPED / name): name for name in names}


setup(cmdclass={"build_py": BuildWithProject})
