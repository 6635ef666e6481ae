"""The command about the dashboard: serve it, print its status once, keep its accounts."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from labkit.cli.output import GOOD, print_json, say
from labkit.translation import _

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from labkit.course import Course
    from labkit.dashboard.page.server import Dashboard


def dashboard(arguments: argparse.Namespace) -> int:
    """`labkit dashboard`."""
    from labkit.course import Course

    course = Course.load()
    if arguments.user or arguments.forget:
        return _account(arguments, course)
    if arguments.text or arguments.json:
        return _status(as_json=arguments.json)
    return _serve(arguments, course)


def _serve(arguments: argparse.Namespace, course: Course) -> int:
    from labkit.dashboard.page.server import Dashboard
    from labkit.engine import connect

    # Who has done what, on standard error, which a notebook does not show.
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("labkit.dashboard").setLevel(logging.INFO)
    engine = connect()
    try:
        served = Dashboard(engine, course, port=arguments.port)
        served.run(_attached(served) if arguments.attached else _announced(served, arguments))
    finally:
        engine.close()
    return GOOD


def _announced(served: Dashboard, arguments: argparse.Namespace) -> Callable[[], None]:
    def ready() -> None:
        address = served.address()
        print(_("The dashboard: {address}").format(address=address), flush=True)
        if by_hub := served.address_by_hub():
            print(_("By JupyterHub: {address}").format(address=by_hub), flush=True)
        if served.logs_in:
            say(_("This address logs you in, once, within ten minutes."))
        say(_("Ctrl-C stops the dashboard."))
        if not arguments.no_browser:
            import webbrowser

            webbrowser.open(served.door(address).as_uri())

    return ready


def _attached(served: Dashboard) -> Callable[[], None]:
    """Print an address for each line that comes in, and stop at the end of input."""
    import threading

    def answer() -> None:
        for _line in sys.stdin:
            print(served.address(), flush=True)
        served.stop()

    def ready() -> None:
        threading.Thread(target=answer, name="labkit-attached", daemon=True).start()

    return ready


def _status(*, as_json: bool) -> int:
    from labkit.dashboard import inventory, status
    from labkit.engine import connect

    engine = connect()
    try:
        rows = inventory.rows(engine)
        found = status.read(engine, rows)
    finally:
        engine.close()
    if as_json:
        print_json({**asdict(found), "objects": [asdict(row) for row in rows]})
    else:
        print(status.status_text(found))
    return GOOD


def _account(arguments: argparse.Namespace, course: Course) -> int:
    from labkit.dashboard.accounts import Accounts, Role

    accounts = Accounts.of(course)
    if arguments.forget:
        accounts.remove(arguments.forget)
        print(_("`{name}` is removed.").format(name=arguments.forget))
        return GOOD
    account = accounts.put(arguments.user, Role(arguments.role), _password())
    print(_("`{name}` is now {role}.").format(name=account.name, role=account.role))
    return GOOD


def _password() -> str:
    """Ask for a password; where nobody sits at a terminal, read one line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    from getpass import getpass

    return getpass(_("Password: "))
