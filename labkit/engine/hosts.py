"""Hosts: containers that stand for a machine on which an engine is installed, or is to be.

Such a host has the rights of a node, but its first process only waits: what runs on it is started
by hand, as on a machine that one has logged in to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.engine import nested
from labkit.errors import NoSuchImage
from labkit.translation import _
from labkit.waiting import wait_until

if TYPE_CHECKING:
    from labkit.engine.engine import Engine

LABEL = "labkit.host"
READY_SECONDS = 20.0
READY = "/run/labkit-host"
#: What the first process does before it waits: what a machine has and a container has not.
PREPARE = rf"""
set -eu
mount --make-rshared / 2>/dev/null || true
# Images for containers forbid packages to start services.
rm -f /usr/sbin/policy-rc.d
options=
if [ "${{LABKIT_CGROUP:-}}" = host ]; then
    # The control groups are those of this host's host: containers go below its own.
    group=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
    options="--exec-opt=native.cgroupdriver=cgroupfs --cgroup-parent=${{group%/}}/containers"
    # Unless they are said to be mounted, Debian's start script mounts those that the machine has
    # not: for the whole kernel, and then the machine's own engine counts no more what is used.
    echo "cgroup /sys/fs/cgroup cgroup defaults 0 0" >> /etc/fstab
elif [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    # As in a node: what it has may be read-only, and a group that holds processes cannot hand
    # controllers on, so this process steps aside.
    [ -w /sys/fs/cgroup ] || mount -o remount,bind,rw /sys/fs/cgroup
    mkdir -p /sys/fs/cgroup/host
    xargs -rn1 < /sys/fs/cgroup/cgroup.procs > /sys/fs/cgroup/host/cgroup.procs 2>/dev/null || true
    sed -e 's/ / +/g' -e 's/^/+/' /sys/fs/cgroup/cgroup.controllers \
        > /sys/fs/cgroup/cgroup.subtree_control
fi
# Whenever packages were installed: an engine starts although this host's limits cannot be raised.
cat > /usr/local/sbin/labkit-host <<END
[ -f /etc/init.d/docker ] || exit 0
sed -i 's#^\t*ulimit .*#! & 2>/dev/null#' /etc/init.d/docker
echo "DOCKER_OPTS='$options'" > /etc/default/docker
END
if [ -d /etc/apt/apt.conf.d ]; then
    # What is written need not outlive a power cut.
    printf '%s\n' 'DPkg::Options {{ "--force-unsafe-io"; }};' \
        'DPkg::Post-Invoke {{ "sh /usr/local/sbin/labkit-host"; }};' > /etc/apt/apt.conf.d/90host
fi
sh /usr/local/sbin/labkit-host
touch {READY}
# The first process of a machine also buries those whose parents have died.
sleep infinity &
wait
"""


def create(engine: Engine, name: str, image: str, network: str) -> None:
    """Make a host and start it.

    Args:
        engine: Where.
        name: Of the container, and of the machine.
        image: With or without an engine installed.
        network: The one that it is on.

    Raises:
        NoSuchImage: The image is not here, or `lab/shell`, with which rights are tried.
        EngineRequestFailed: The engine refused, in its words.
        WaitTimeout: It did not become ready.
    """
    api: Any = engine.client.api
    given = nested.rights(engine)
    config = api.create_container_config(
        image,
        ["sh", "-c", PREPARE],
        hostname=name,
        labels={LABEL: name},
        environment={"LABKIT_CGROUP": given["CgroupnsMode"], "DEBIAN_FRONTEND": "noninteractive"},
        stop_signal="SIGKILL",
        # The engine's layers cannot lie on the layers of this container: an anonymous volume.
        volumes=[nested.DATA],
    )
    config["HostConfig"] = {
        **given,
        "NetworkMode": network,
        # No name server can be reached; nobody should have to wait for it.
        "DnsOptions": ["timeout:1", "attempts:1"],
        # As a machine comes out of its box, whatever the host of this one has.
        "Sysctls": {"net.ipv4.ip_forward": "0"},
        "Tmpfs": {"/run": "mode=755,exec"},
    }
    with engine.errors(NoSuchImage(image)):
        api.create_container_from_config(config, name)
        api.start(name)
    wait_until(
        lambda: engine.containers.ask(name, "test", "-f", READY).exit_code == 0,
        what=_("the host `{name}`").format(name=name),
        timeout=READY_SECONDS,
        interval=0.05,
        log_tail=lambda: engine.containers.logs(name, tail=8),
    )
