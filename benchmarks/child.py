"""Run a command, and print its wall time and its peak of memory as JSON: python benchmarks/child.py COMMAND…

This process loads nothing, because the peak that the system counts for a child begins with its parent's.
"""

import json
import os
import sys
import time


def main() -> None:
    began = time.perf_counter()
    child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    to_megabytes = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # bytes there, kibibytes here
    print(json.dumps({"seconds": seconds, "megabytes": usage.ru_maxrss / to_megabytes}))
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
