"""What a check of a generated package finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Defect:
    """Something that is certainly wrong in the generated package. `line` counts from 1; 0 is the file as a whole."""

    path: str
    line: int
    check: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.check}: {self.message}"
