"""Who may look and who may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from labkit.dashboard.accounts import Role
from labkit.dashboard.operating import permit, record
from labkit.dashboard.page.doing import complain, done
from labkit.errors import LabError
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.accounts import Account
    from labkit.dashboard.page.desk import Page


class _Users:
    """The accounts of the file; operators add, change and remove them."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._accounts = page.desk.sessions.accounts
        self._listed = ui.column()
        self.show()

    def show(self) -> None:
        self._listed.clear()
        try:
            known = self._accounts.list()
        except LabError as error:
            complain(error)
            return
        with self._listed:
            if not known:
                ui.label(_("There are no accounts yet."))
                return
            with ui.column().props("role=list"):
                for account in known:
                    self._line(account)

    def form(self) -> None:
        with ui.row().classes("items-center"):
            name = ui.input(_("Name")).props("outlined dense autocomplete=off")
            password = ui.input(_("Password"), password=True)
            password.props("outlined dense autocomplete=new-password")
            role = ui.select([str(role) for role in Role], value="viewer", label=_("Role"))
            role.props("outlined dense").classes("labkit-term")

        async def add() -> None:
            said = _("{name} is now {role}").format(name=name.value, role=role.value)
            if await done(said, self._put, name.value or "", role.value, password.value or ""):
                password.value = ""
                self._changed()

        ui.button(_("Add or change"), on_click=add).props("no-caps")

    def _changed(self) -> None:
        self.show()
        self._page.desk.look()  # whose account has gone is gone at once

    def _line(self, account: Account) -> None:
        async def pressed() -> None:
            if await done(_("{} is removed").format(account.name), self._remove, account.name):
                self.show()

        with ui.row().classes("items-center").props("role=listitem"):
            ui.label(f"{account.name} ({account.role})").classes("labkit-break")
            if self._page.changes:
                ui.button(_("Remove"), on_click=pressed, color="negative").props(
                    f'no-caps outline dense aria-label="{_("Remove")} {account.name}"'
                )

    def _put(self, name: str, role: str, password: str) -> None:
        permit(self._page.account)
        self._accounts.put(name, Role(role), password)
        record(self._page.account, f"make {name} {role}")

    def _remove(self, name: str) -> None:
        permit(self._page.account)
        account = self._page.account
        self._accounts.remove(name)
        record(account, f"remove account {name}")


def build(page: Page) -> None:
    """Build the panel."""
    ui.label(_("A viewer may look. An operator may change things, and these accounts, too."))
    users = _Users(page)
    if page.changes:
        users.form()
