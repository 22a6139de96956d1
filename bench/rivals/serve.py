"""The rival's side of the pipe; the other one is Rival in bench/frame.h.

One process serves every case of a family, so that PyTorch is loaded once. It prints `ready` when it has started; then each line
that it reads gets one line of answer, until its input ends:

    case NAME OPTION...   prepares a case: `ready`, or `refused WHY`
    go NAME               runs one repetition of it: its seconds
    drop NAME             frees it: `ready`
"""

import sys
from typing import Callable

Repeat = Callable[[], float]  # runs one repetition, returns its seconds


def serve(prepare: Callable[[list[str]], Repeat]) -> None:
    """prepare: makes a case of its options; what it raises is why the case is refused."""
    cases: dict[str, Repeat] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        verb, name, *options = line.split()
        answer = "ready"
        if verb == "case":
            try:
                cases[name] = prepare(options)
            except Exception as error:
                answer = f"refused {' '.join(f'{type(error).__name__}: {error}'.split())[:500]}"
        elif verb == "go":
            answer = f"{cases[name]():.9f}"
        elif verb == "drop":
            del cases[name]
        else:
            sys.exit(f"unknown command {verb!r}")
        print(answer, flush=True)
