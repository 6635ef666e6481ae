"""Tables of what the engine holds; a name opens the object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from labkit.dashboard.inventory import Row

PAGE = 50
#: Vue writes `{{ … }}` and bound attributes as text, so a name cannot bring markup.
NAME_BUTTON = """
  <q-btn flat dense no-caps align="left" color="primary" class="labkit-name" :label="props.row.name"
    @click="$parent.$emit('open', props.row.key)" />
"""
NAME_CELL = f"""
<q-td :props="props">{NAME_BUTTON}</q-td>
"""
#: Quasar's own has a sign of warning in it, and nothing is wrong.
EMPTY = """<div class="q-pa-sm">{{ props.message }}</div>"""
#: 2 comes before 10, and `999 kB` before `1 MB`.
IN_ORDER = """(a, b) => {
  const bytes = text => {
    const size = /^([\\d.]+(?:e\\+\\d+)?) (B|kB|MB|GB|TB)$/.exec(text);
    return size && size[1] * 1000 ** ['B', 'kB', 'MB', 'GB', 'TB'].indexOf(size[2]);
  };
  const [one, other] = [bytes(a), bytes(b)];
  return one === null || other === null ? a.localeCompare(b, undefined, {numeric: true})
    : one - other;
}"""
STATE_ICON = """
  <q-icon v-if="props.row.state && !/^(ready|down|\\d)/.test(props.row.state)"
    aria-hidden="true" size="xs" class="q-mr-xs"
    :name="props.row.state.startsWith('running') ? 'play_circle' : 'stop_circle'"
    :color="props.row.state.includes('unhealthy') ? 'negative'
            : props.row.state.startsWith('running') ? 'positive' : 'grey'" />
"""
STATE_CELL = f"""
<q-td :props="props">{STATE_ICON}{{{{ props.row.state }}}}</q-td>
"""
#: On a narrow screen a table is a list of these.
CARD = f"""
<div class="labkit-item">{NAME_BUTTON}<div>{STATE_ICON}{{{{
  [props.row.state, props.row.detail, props.row.whose].filter(Boolean).join(' · ')
}}}}</div></div>
"""
#: Quasar's own limit of what is narrow, in its own words.
NARROW = "Quasar.Screen.lt.sm"


class Table:
    """The objects of one kind.

    Args:
        title: Of the table.
        opened: Called with the row whose name was pressed.
        detail: The heading of the last column but one; empty leaves it out.
        empty: What stands there while there are none.
        state: Whether the objects have states.
    """

    def __init__(
        self,
        title: str,
        opened: Callable[[Row], Awaitable[None]],
        *,
        detail: str = "",
        empty: str,
        state: bool = False,
    ) -> None:
        self._opened = opened
        self._rows: dict[str, Row] = {}
        columns = [
            _column("name", _("Name")),
            *([_column("state", _("State"))] if state else ()),
            *([_column("detail", detail)] if detail else ()),
            _column("whose", _("Whose")),
        ]
        asked = _("Filter {things}").format(things=title.lower())
        filtered = ui.input(asked).props("dense clearable outlined").classes("labkit-filter")
        self._table = ui.table(
            columns=columns, rows=[], row_key="key", title=title, pagination=PAGE
        ).classes("labkit-wide")
        self._table.props(f'flat bordered no-data-label="{empty}"')
        self._table.add_slot("no-data", EMPTY)
        self._table.props[":grid"] = NARROW
        self._table.add_slot("item", CARD)
        self._table.add_slot("body-cell-name", NAME_CELL)
        if state:
            self._table.add_slot("body-cell-state", STATE_CELL)
        self._table.on("open", self._open)
        filtered.bind_value_to(self._table, "filter")

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows; the page is told only if they are others."""
        shown = {row.key: row for row in rows}
        if shown != self._rows:
            self._rows = shown
            self._table.rows = [_cells(row) for row in rows]

    async def _open(self, event: Any) -> None:
        row = self._rows.get(str(event.args))
        if row is not None:  # else it went away meanwhile
            await self._opened(row)


def _cells(row: Row) -> dict[str, str]:
    whose = _("the course's") if row.ours else _("not the course's")
    return {
        "key": row.key,
        "name": row.name,
        "state": row.state,
        "detail": row.detail,
        "whose": whose,
    }


def _column(name: str, label: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "field": name,
        "align": "left",
        "sortable": True,
        ":sort": IN_ORDER,
    }
