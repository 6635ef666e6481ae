"""What a PostgreSQL database in a container holds, compared with what it should hold."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed
from labkit.checks.diagnosis import not_running
from labkit.errors import EngineRequestFailed
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine import Engine
    from labkit.engine.objects import Container

#: Where PostgreSQL has its files.
DATA = "/var/lib/postgresql/data"


def wait_for(engine: Engine, name: str) -> None:
    """Wait until the database of a container answers, or fail and say why it does not."""

    def settled() -> bool:
        if not engine.containers.get(name).running:
            return True
        with suppress(EngineRequestFailed):  # it ends just now
            return engine.containers.ask(name, "pg_isready", "--host", "127.0.0.1").exit_code == 0
        return False

    wait_until(
        settled,
        what=_("the database of `{name}`").format(name=name),
        timeout=15.0,
        log_tail=lambda: engine.containers.logs(name, tail=5),
        hint=_("Look at `docker logs {name}`.").format(name=name),
    )
    container = engine.containers.get(name)
    if not container.running:
        raise _ended(engine, container)


def _ended(engine: Engine, container: Container) -> CheckFailed:
    """Say why a database does not run, from its last words."""
    lines = engine.containers.logs(container.name, tail=6).splitlines()
    fatal = next((line for line in reversed(lines) if "FATAL:" in line), "")
    if container.status != "exited" or not fatal:
        return not_running(engine, container)
    found = _("`{name}` has ended with {code}: {words}").format(
        name=container.name, code=container.exit_code, words=fatal.partition("FATAL:")[2].strip()
    )
    if "invalid permissions" in fatal:
        hint = _("Nobody else may read the folder of a database. A helper can `chmod 700` it.")
    else:
        hint = _("`docker logs {name}` has more.").format(name=container.name)
    return CheckFailed(found, hint=hint)


def expect_rows(
    engine: Engine, name: str, database: str, table: str, *, receipt: str, gone: str
) -> None:
    """Expect the rows of a table that a receipt lists.

    Args:
        engine: Where the container is.
        name: The container.
        database: The database in it.
        table: The table; its rows have an `id`.
        receipt: `ID:SUM` for each row; the sum is the first 8 digits of the row's MD5.
        gone: The hint when there is no such table.
    """
    reply = engine.containers.ask(
        name, "psql", "--username", "postgres", "--dbname", database,
        "--tuples-only", "--no-align", "--command",
        f"SELECT id || ':' || left(md5({table}::text), 8) FROM {table}",  # noqa: S608 - our own words
    )  # fmt: skip
    if reply.exit_code:
        said = reply.output.strip().partition("\n")[0]
        raise CheckFailed(
            _("`{name}` was asked for `{table}`: {said}").format(name=name, table=table, said=said),
            hint=gone,
        )
    wanted, found = Counter(receipt.split()), Counter(reply.output.split())
    if found == wanted:
        return
    lost, new = wanted - found, found - wanted
    count = _("of {wanted} rows in `{table}`, {kept} are as they were").format(
        wanted=wanted.total(), table=table, kept=(wanted & found).total()
    )
    if not found:
        raise CheckFailed(
            _("the table `{table}` is there, and has no row").format(table=table),
            hint=_("A backup of a table has its rows too: look into yours."),
        )
    if not lost and set(new) <= set(wanted):
        raise CheckFailed(
            _("`{table}` has {found} rows and had {wanted}").format(
                table=table, found=found.total(), wanted=wanted.total()
            ),
            hint=_("Rows were put in twice. Empty the table, and restore it once."),
        )
    raise CheckFailed(
        _("{count}; row {row} is one that is not").format(
            count=count, row=min((*lost, *new), key=_number).partition(":")[0]
        ),
        hint=_("The rows must be those of the set-up cell. Run it again, and begin anew."),
    )


def _number(row: str) -> int:
    number = row.partition(":")[0]
    return int(number) if number.isdecimal() else 0
