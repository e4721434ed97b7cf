"""The program model: built once, asked by everything after it."""

from codemods.program.build import InvalidSource, build_program
from codemods.program.model import ClassInfo, FunctionInfo, ModuleInfo, Position, Program

__all__ = ["ClassInfo", "FunctionInfo", "InvalidSource", "ModuleInfo", "Position", "Program", "build_program"]
