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
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from labkit.errors import DashboardError
from labkit.files import locked, read_bytes, write_atomically
from labkit.translation import _

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course

#: Cost of scrypt for new passwords, as OWASP asks for: 32 MiB, and some tenths of a second. Each
#: entry keeps its own.
COST = {"n": 1 << 15, "r": 8, "p": 3}
MEMORY = 1 << 26
#: Passwords that are looked at in one moment; others wait, or they would fill the memory.
AT_ONCE = 2
NAME = re.compile(r"[A-Za-z0-9][\w.@-]{0,63}", re.ASCII)
SHORTEST_PASSWORD = 8


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Account:
    """Somebody, and what they may do.

    Attributes:
        password: Changes when the password does, and tells nothing of it; empty without one.
    """

    name: str
    role: Role
    password: str = field(default="", compare=False, repr=False)

    @property
    def may_change(self) -> bool:
        """Whether they may change anything."""
        return self.role is Role.OPERATOR


class Accounts:
    """The accounts of one file, which need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hashing = threading.BoundedSemaphore(AT_ONCE)

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
        return tuple(_account(name, entries[name]) for name in sorted(entries))

    def find(self, name: str) -> Account | None:
        """Return the account of a name."""
        return next((account for account in self.list() if account.name == name), None)

    def put(self, name: str, role: Role, password: str) -> Account:
        """Add an account, or replace it; the same password stays as it is kept.

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
        with locked(self.path.with_suffix(".lock")):
            entries = self._read()
            entry = entries.get(name)
            if entry is None or _cost(entry) != COST or not self._fits(password, entry):
                entry = {"salt": secrets.token_hex(16), **COST}
                entry["hash"] = self._hash(password, entry).hex()
            entries[name] = {**entry, "role": role.value}
            self._write(entries)
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
        right = self._fits(password, entry or {"salt": "", "hash": "", **COST})
        return _account(name, entry) if entry and right else None

    def _fits(self, password: str, entry: dict[str, Any]) -> bool:
        return hmac.compare_digest(self._hash(password, entry), bytes.fromhex(entry["hash"]))

    def _hash(self, password: str, entry: dict[str, Any]) -> bytes:
        salt = bytes.fromhex(entry["salt"])
        try:
            with self._hashing:
                return hashlib.scrypt(password.encode(), salt=salt, maxmem=MEMORY, **_cost(entry))
        except (ValueError, OverflowError) as error:  # of such a cost there is none
            raise self._not_understood() from error

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
                if not all(isinstance(entry[key], int) for key in COST):
                    raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._not_understood() from error
        return entries

    def _not_understood(self) -> DashboardError:
        return DashboardError(
            _("`{path}` cannot be understood.").format(path=self.path),
            hint=_("Remove it, and add the accounts anew: `labkit dashboard --user NAME`."),
        )

    def _write(self, entries: dict[str, Any]) -> None:
        write_atomically(self.path, json.dumps(entries, indent=2).encode(), private=True)


def _account(name: str, entry: dict[str, Any]) -> Account:
    return Account(name, Role(entry["role"]), entry["hash"])


def _cost(entry: dict[str, Any]) -> dict[str, int]:
    return {key: entry[key] for key in COST}
