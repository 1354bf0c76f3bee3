"""Every question, one table. `make bench` runs this."""

from __future__ import annotations

import apply
import plan
import startup
from measure import show

if __name__ == "__main__":
    show([*startup.rows(), *plan.rows(), *apply.rows()])
