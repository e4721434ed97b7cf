"""The program model: built once, asked by everything after it."""

from codemods.program.build import InvalidSourceError, build_program
from codemods.program.model import ClassInfo, FunctionInfo, ModuleInfo, Position, Program

__all__ = ["ClassInfo", "FunctionInfo", "InvalidSourceError", "ModuleInfo", "Position", "Program", "build_program"]
