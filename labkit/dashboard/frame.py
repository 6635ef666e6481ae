"""The dashboard in a notebook: a frame, and in text its address."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT = """(() => {{
  const frame = document.currentScript.previousElementSibling;
  let place = new URL({address});
  const own = {prefix};
  if (own && location.pathname.startsWith(own)) {{
    place = new URL(`${{own}}proxy/${{place.port}}${{place.pathname}}${{place.search}}`, location);
  }} else if (location.hostname === 'localhost') place.hostname = 'localhost';
  frame.src = place;
  frame.previousElementSibling.firstChild.href = new URL('./', place);
  const told = () => document.body.dataset.jpThemeLight;
  const tell = () => told() && frame.contentWindow?.postMessage(
    {{labkitDark: told() === 'false'}}, place.origin);
  addEventListener('message', event => event.source === frame.contentWindow && tell());
  new MutationObserver(tell).observe(
    document.body, {{attributes: true, attributeFilter: ['data-jp-theme-light']}});
}})()"""


def frame_text(address: str) -> str:
    """Name the dashboard's address."""
    return _("The dashboard: {address}").format(address=address)


def frame_html(address: str, environment: Mapping[str, str]) -> str:
    """Show the dashboard in a frame, at an address that the notebook's own browser reaches.

    It has the host name that the notebook's page has: the dashboard's cookie is for one site, and
    `localhost` and `127.0.0.1` are two. With JupyterHub it is below the address of the server, and
    jupyter-server-proxy leads on from there. It is as dark as JupyterLab is.
    """
    prefix = environment.get("JUPYTERHUB_SERVICE_PREFIX", "")
    script = SCRIPT.format(address=_quoted(address), prefix=_quoted(prefix))
    title, own = html.escape(_("Docker dashboard")), html.escape(_("Open it on a page of its own"))
    return (
        f'<p><a target="_blank" rel="noopener">{own}</a></p>'
        f'<iframe title="{title}" style="width:100%;height:44rem;border:1px solid #8888"></iframe>'
        f"<script>{script}</script>"
    )


def _quoted(text: str) -> str:
    return json.dumps(text).replace("<", "\\u003c")
