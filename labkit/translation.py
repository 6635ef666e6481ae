"""The one gettext function for every text a learner reads.

Source: the standard library's `gettext`. Catalogues lie in
`labkit/locale/LANG/LC_MESSAGES/labkit.mo`; without one for the user's language the English text
itself is shown.
"""

from __future__ import annotations

import gettext
from pathlib import Path

_ = gettext.translation("labkit", Path(__file__).with_name("locale"), fallback=True).gettext

__all__ = ["_"]
