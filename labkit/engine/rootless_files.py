"""The file system that a rootless engine and its learner see.

A small one in memory, bounded, with the host's programs in it read-only: no home, no results, no
socket of another engine, no device but those that lead nowhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.distribution import find_program
from labkit.engine import kernel

if TYPE_CHECKING:
    from labkit.engine.cgroups import Hierarchy
    from labkit.engine.rootless import Rootless

#: Where the layers of the course images are shown.
LAYERS = "/srv/layers"
DATA_ROOT = "/var/lib/docker"
#: What the engine writes down of itself, as nobody but the engine should: logs are among it.
ENGINES_OWN = (DATA_ROOT, "/run/docker")
HOME = "/root"
#: What programs look for in /etc; nothing of it is secret, and links stay links.
ETC = (
    "alternatives", "ca-certificates", "debian_version", "ethertypes", "fonts", "ld.so.cache",
    "ld.so.conf", "localtime", "mime.types", "nsswitch.conf", "os-release", "protocols",
    "services", "ssl",
)  # fmt: skip
ACCOUNTS = {
    "passwd": f"root:x:0:0:learner:{HOME}:/bin/bash\nnobody:x:65534:65534::/:/usr/sbin/nologin\n",
    "group": "root:x:0:\ntty:x:5:\ndocker:x:999:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost\n",
    "resolv.conf": "nameserver 127.0.0.1\n",
}
OWN_FOLDERS = (
    "etc/docker", "home", "mnt", "opt", "root", "run", "srv", "tmp", "var/lib/docker", "var/log",
    "var/tmp",
)  # fmt: skip
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
SHARED_MEMORY = 64 << 20


def build(root: str, spec: Rootless) -> None:
    """Put together what needs no namespace but the mounts' own, as the host's root."""
    kernel.mount("tmpfs", root, "tmpfs", options=f"size={spec.disk},mode=755,nr_inodes=400k")
    os.chown(root, spec.base, spec.base)
    for name in ("proc", "sys", "dev", *OWN_FOLDERS):
        _make_folder(root, name, spec.base)
    Path(root, "tmp").chmod(0o1777)
    if spec.loop and not spec.data_root:
        _make_disk(Path(root, "disk"), root + DATA_ROOT, spec)
    Path(root, "var/run").symlink_to("/run")
    _bring_programs(root)
    _bring_settings(root)
    for source, target in spec.shown:
        _show(source, root + target)
    _make_devices(root)


def mount_kernel(root: str, spec: Rootless, trees: tuple[Hierarchy, ...]) -> None:
    """Mount what shows the kernel: by a process of the host's root, inside the engine's namespaces.

    So these show the engine's processes, network and control groups, and there is nothing below
    them that a container could uncover.
    """
    safe = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("proc", f"{root}/proc", "proc", safe)
    kernel.mount("sysfs", f"{root}/sys", "sysfs", safe)
    terminals = f"newinstance,ptmxmode=0666,mode=0620,gid={spec.base + 5}"
    kernel.mount(
        "devpts", f"{root}/dev/pts", "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, terminals
    )
    groups = Path(root, "sys/fs/cgroup")
    if trees[0].unified:
        kernel.mount("cgroup2", str(groups), "cgroup2", safe)
        return
    kernel.mount("tmpfs", str(groups), "tmpfs", safe, "mode=755,size=64k")
    for tree in trees:
        place = groups / tree.place.name
        place.mkdir()
        kernel.mount("cgroup", str(place), "cgroup", safe, tree.options)
        if tree.place.name != tree.options and "=" not in tree.options:
            for name in tree.controllers:
                Path(groups, name).symlink_to(tree.place.name)


def bring_layers(root: str, spec: Rootless, users: int) -> None:
    """Show the layers of the course images, or a whole data root, as the engine's own files."""
    if spec.layers:
        Path(root + LAYERS).mkdir()
        kernel.show_shifted(spec.layers, root + LAYERS, users)
    if spec.data_root:
        kernel.show_shifted(spec.data_root, root + DATA_ROOT, users, writable=True)


def _make_disk(file: Path, target: str, spec: Rootless) -> None:
    """Mount a file system that lies in a file; both are gone with the last who sees it."""
    file.touch()
    os.truncate(file, spec.disk)
    owner = f"root_owner={spec.base}:{spec.base}"
    make = ("mkfs.ext4", "-qF", "-m0", "-O^has_journal", f"-Elazy_itable_init=1,{owner}", str(file))
    for name, *arguments in (make, ("mount", "-oloop", str(file), target)):
        subprocess.run([find_program(name) or name, *arguments], check=True)
    Path(target, "lost+found").rmdir()
    file.unlink()


def _bring_programs(root: str) -> None:
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        here = Path("/", name)
        if here.is_symlink():
            Path(root, name).symlink_to(here.readlink())
        elif here.is_dir():
            _show(str(here), f"{root}/{name}")
    _show("/usr", f"{root}/usr")


def _bring_settings(root: str) -> None:
    for name in ETC:
        here, there = Path("/etc", name), Path(root, "etc", name)
        if here.is_symlink():
            there.symlink_to(here.readlink())
        elif here.is_dir():
            _show(str(here), str(there))
        elif here.is_file():
            shutil.copyfile(here, there)
    for name, text in ACCOUNTS.items():
        Path(root, "etc", name).write_text(text, encoding="utf-8")


def _make_devices(root: str) -> None:
    kernel.mount("tmpfs", f"{root}/dev", "tmpfs", kernel.MS_NOSUID, "mode=755,size=64k")
    for name in DEVICES:
        Path(root, "dev", name).touch()
        kernel.mount(f"/dev/{name}", f"{root}/dev/{name}", flags=kernel.MS_BIND)
    for name in ("pts", "shm", "mqueue"):
        Path(root, "dev", name).mkdir()
    links = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in {**links, "ptmx": "pts/ptmx"}.items():
        Path(root, "dev", name).symlink_to(target)
    kernel.mount(
        "tmpfs", str(Path(root, "dev", "shm")), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV,
        f"mode=1777,size={SHARED_MEMORY}",
    )  # fmt: skip


def _show(source: str, target: str) -> None:
    if not Path(target).exists():
        if Path(source).is_dir():
            Path(target).mkdir(parents=True)
        else:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            Path(target).touch()
    kernel.show(source, target)


def _make_folder(root: str, name: str, owner: int) -> None:
    """Make a folder and those above it; all belong to the engine's root."""
    folder = Path(root)
    for part in name.split("/"):
        folder /= part
        if not folder.exists():
            folder.mkdir()
            os.chown(folder, owner, owner)
