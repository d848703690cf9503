"""With this folder on PYTHONPATH a process lives SHIFTED_CLOCK_S ahead of everybody else (or behind); time goes on as usual.

Only the wall clock is wrong, as on a machine whose clock nobody keeps: monotonic time is as it was.
"""

import os
from datetime import UTC, datetime, timedelta

import time_machine

_there = datetime.now(UTC) + timedelta(seconds=float(os.environ["SHIFTED_CLOCK_S"]))
time_machine.travel(_there, tick=True).start()
