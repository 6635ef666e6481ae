"""The command line: parse, call the core, render.

Exit codes: 0 good; 1 not good (a check failed, a probe is bad, a lesson or a proof failed);
2 wrong use, or our fault.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from labkit.cli.arguments import parser
from labkit.cli.output import GOOD, INTERRUPTED, WRONG, print_json
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except LabError as error:
        if getattr(arguments, "json", False):
            print_json({"error": error.message, "hint": error.hint})
        else:
            print(f"labkit: {error}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        print(_("\nlabkit: stopped; what was done stays."), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) went away. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    return code
