"""The rival's side of the pipe: see Rival in bench/frame.h."""

import sys
from typing import Callable


def serve(repeat: Callable[[], float]) -> None:
    """Prints `ready`; then, for every line `go`, runs one repetition and prints its seconds."""
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() != "go":
            sys.exit(f"unknown command {line.strip()!r}")
        print(f"{repeat():.9f}", flush=True)
