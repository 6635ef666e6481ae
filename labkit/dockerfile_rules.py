"""Why a linter's rule is one: what goes wrong when a Dockerfile breaks it.

The codes are hadolint's (`DL…`) and, for the shell in `RUN`, ShellCheck's (`SC…`). What to write
instead stands in the linter's own message; these sentences say what it is good for.
"""

from __future__ import annotations

from types import MappingProxyType

from labkit.translation import _

_MOVES = _("Without a version, the same Dockerfile installs another program next month.")
_LAST_COUNTS = _("Only the last one counts; those before it are read and forgotten.")
_SPLITS = _("Without quotes the shell splits the value at spaces and takes `*` for a pattern.")

WHY = MappingProxyType({
    "DL1000": _("The builder cannot read this, so it builds nothing at all."),
    "DL3000": _("A relative path begins at the `WORKDIR` before it, which may be far above."),
    "DL3001": _("A container has no machine of its own: the program has nothing to work on."),
    "DL3002": _("Whoever takes over the program is then root, and often the host's user 0."),
    "DL3003": _("`cd` lasts for this one `RUN`; the next instruction begins where it was before."),
    "DL3004": _("`RUN` is root unless `USER` says otherwise; `USER` is also how to change that."),
    "DL3006": _("Without a tag it is `latest`: whatever that is on the day of the build."),
    "DL3007": _("`latest` moves, so the same Dockerfile builds another image next month."),
    "DL3008": _MOVES,
    "DL3009": _("The package lists stay in the layer, unless the same `RUN` deletes them."),
    "DL3010": _("`ADD` unpacks a tar archive; with `COPY` the archive stays in a layer, too."),
    "DL3011": _("No program can listen there."),
    "DL3012": _LAST_COUNTS,
    "DL3013": _MOVES,
    "DL3014": _("Nobody is there to answer a question during a build, so the step fails."),
    "DL3015": _("What is only recommended makes the image larger; the program runs without it."),
    "DL3018": _MOVES,
    "DL3020": _("`ADD` also downloads and unpacks; what it does depends on what it is given."),
    "DL3021": _("With several sources the target is a folder, and the builder wants to see that."),
    "DL3022": _("What is no stage is taken for an image, and asked for at a registry."),
    "DL3023": _("A stage cannot copy from itself: it is not finished yet."),
    "DL3024": _("`--from` could mean either of the two."),
    "DL3025": _(
        "Without brackets a shell runs it: the image needs one, and where the shell stays as "
        "process 1, it keeps the signal of `docker stop` to itself."
    ),
    "DL3027": _("`apt` is for people and may change what it asks and prints; `apt-get` may not."),
    "DL3042": _("The downloads stay in the layer, and nobody installs from them again."),
    "DL3044": _("A variable is set from the next instruction on; here it still has its old value."),
    "DL3045": _("It ends up wherever the base image has its working directory."),
    "DL3047": _("The progress bar fills the log of the build with thousands of lines."),
    "DL3059": _("Each `RUN` makes a layer, and a layer keeps what a later one deletes."),
    "DL3061": _("Every other instruction changes an image, and `FROM` says which."),
    "DL3064": _("Whoever has the image reads it with `docker inspect` or `docker history`."),
    "DL3066": _("A name needs an `/etc/passwd` in the image; a number is understood anywhere."),
    "DL4000": _("Its place was taken by `LABEL`, which tools can read and filter by."),
    "DL4001": _("Two programs for one purpose make the image larger."),
    "DL4003": _LAST_COUNTS,
    "DL4004": _LAST_COUNTS,
    "DL4005": _("A link changes the shell of each program of the image, `SHELL` that of `RUN`."),
    "DL4006": _("A pipe ends as its last command does; a failure before it goes unnoticed."),
    "SC2046": _SPLITS,
    "SC2086": _SPLITS,
    "SC2164": _("If `cd` fails, what follows is done in the wrong folder."),
})  # fmt: skip
