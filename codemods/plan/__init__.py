"""What to do to each file: the coloring put into edits, each at an exact place of the source.

The passes carry the plan out and infer nothing; an entry that no pass carried out is an error.
"""

from codemods.plan.model import ITERATORS, SUPPLIED, CallPlan, FilePlan, FunctionPlan, Range, WithPlan
from codemods.plan.planner import Planning, plan_files

__all__ = [
    "ITERATORS",
    "SUPPLIED",
    "CallPlan",
    "FilePlan",
    "FunctionPlan",
    "Planning",
    "Range",
    "WithPlan",
    "plan_files",
]
