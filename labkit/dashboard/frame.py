"""The dashboard in a notebook: a frame, and in text its address."""

from __future__ import annotations

import html
import json

from labkit.translation import _


def frame_text(address: str) -> str:
    """Name the dashboard's address."""
    return _("The dashboard: {address}").format(address=address)


def frame_html(address: str) -> str:
    """Show the dashboard in a frame, under the host name that the notebook's own page has.

    Its cookie is for one site, and `localhost` and `127.0.0.1` are two.
    """
    place = json.dumps(address).replace("<", "\\u003c")
    title, own = html.escape(_("Docker dashboard")), html.escape(_("Open it on a page of its own"))
    return (
        f'<p><a target="_blank" rel="noopener">{own}</a></p>'
        f'<iframe title="{title}" style="width:100%;height:44rem;border:1px solid #8888"></iframe>'
        f"<script>(() => {{ const frame = document.currentScript.previousElementSibling;"
        f" const place = new URL({place});"
        " if (location.hostname === 'localhost') place.hostname = 'localhost';"
        " frame.src = place; frame.previousElementSibling.firstChild.href = place.origin;"
        " })()</script>"
    )
