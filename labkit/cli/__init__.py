"""The command line: parse, call the core, render.

Exit codes: 0 good; 1 not good (a check failed, a probe is bad, a lesson or a proof failed);
2 wrong use, or our fault.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from labkit.cli.arguments import parser
from labkit.cli.output import INTERRUPTED, WRONG, print_json
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
        return WRONG
    except Exception as error:  # noqa: BLE001 - whatever else goes wrong is our fault
        return _our_fault(error, as_json=getattr(arguments, "json", False))
    return code


def _our_fault(error: Exception, *, as_json: bool) -> int:
    """Say so; an exit code of 1 would read as a verdict about the learner's work."""
    said = _("this is a fault of the course, not yours: {error}.").format(
        error=f"{type(error).__name__}: {error}"
    )
    hint = _("Report it, with what stands above.")
    traceback.print_exception(error)
    if as_json:
        print_json({"error": said, "hint": hint})
    else:
        print(f"labkit: {said} {hint}", file=sys.stderr)
    return WRONG
