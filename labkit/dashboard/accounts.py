"""Who may look and who may change: a file of names, roles and hashed passwords.

The file is `.labkit/accounts.json` in the workspace, and only its account can read it. It is read
anew each time, so a role that is taken away is gone at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from labkit.errors import DashboardError
from labkit.files import locked, read_bytes, write_atomically
from labkit.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course

#: Cost of scrypt: 32 MiB and about a tenth of a second for each password.
COST = {"n": 1 << 15, "r": 8, "p": 1}
MEMORY = 1 << 26
NAME = re.compile(r"[A-Za-z0-9][\w.@-]{0,63}", re.ASCII)
SHORTEST_PASSWORD = 8


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Account:
    """Somebody, and what they may do."""

    name: str
    role: Role

    @property
    def may_change(self) -> bool:
        """Whether they may change anything."""
        return self.role is Role.OPERATOR


class Accounts:
    """The accounts of one file, which need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, course: Course) -> Accounts:
        """Return those of a course's workspace."""
        return cls(course.work() / ".labkit" / "accounts.json")

    def list(self) -> tuple[Account, ...]:
        """Return all accounts by name.

        Raises:
            DashboardError: The file cannot be understood, or others can read it.
        """
        entries = self._read()
        return tuple(Account(name, Role(entries[name]["role"])) for name in sorted(entries))

    def find(self, name: str) -> Account | None:
        """Return the account of a name."""
        return next((account for account in self.list() if account.name == name), None)

    def put(self, name: str, role: Role, password: str) -> Account:
        """Add an account, or replace it.

        Raises:
            DashboardError: The name is none, or the password is short.
        """
        if not NAME.fullmatch(name):
            raise DashboardError(
                _("`{name}` is no name for an account.").format(name=name),
                hint=_("Use letters, digits, `.`, `_`, `-` and `@`."),
            )
        if len(password) < SHORTEST_PASSWORD:
            raise DashboardError(
                _("The password is too short."),
                hint=_("Use {count} characters or more.").format(count=SHORTEST_PASSWORD),
            )
        salt = secrets.token_bytes(16)
        entry = {"role": role.value, "salt": salt.hex(), "hash": _hash(password, salt).hex()}
        with locked(self.path.with_suffix(".lock")):
            self._write({**self._read(), name: entry})
        return Account(name, role)

    def remove(self, name: str) -> None:
        """Take an account away.

        Raises:
            DashboardError: There is none of this name.
        """
        with locked(self.path.with_suffix(".lock")):
            entries = self._read()
            if entries.pop(name, None) is None:
                raise DashboardError(_("There is no account `{name}`.").format(name=name))
            self._write(entries)

    def check(self, name: str, password: str) -> Account | None:
        """Return the account if the password is right; a wrong name takes just as long."""
        entry = self._read().get(name)
        salt = bytes.fromhex(entry["salt"]) if entry else b"nobody"
        given = _hash(password, salt)
        if entry and hmac.compare_digest(given, bytes.fromhex(entry["hash"])):
            return Account(name, Role(entry["role"]))
        return None

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        if self.path.stat().st_mode & 0o077:
            raise DashboardError(
                _("Others can read `{path}`.").format(path=self.path),
                hint=_("Run `chmod 600 {path}`.").format(path=self.path),
            )
        try:
            entries: dict[str, Any] = json.loads(read_bytes(self.path))
            for entry in entries.values():
                Role(entry["role"])
                bytes.fromhex(entry["salt"])
                bytes.fromhex(entry["hash"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DashboardError(
                _("`{path}` cannot be understood.").format(path=self.path),
                hint=_("Remove it, and add the accounts anew: `labkit dashboard --user NAME`."),
            ) from error
        return entries

    def _write(self, entries: dict[str, Any]) -> None:
        write_atomically(self.path, json.dumps(entries, indent=2).encode(), private=True)


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, maxmem=MEMORY, **COST)
