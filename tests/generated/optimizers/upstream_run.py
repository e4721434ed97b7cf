"""Runs the optimizers on upstream's package, which must be first on the path."""

from tests.generated import upstream_run
from tests.generated.optimizers.programs import PROGRAMS

if __name__ == "__main__":
    upstream_run.PROGRAMS = PROGRAMS
    upstream_run.main()
