"""A hostile submission tries to get out; each try is refused, and kept as evidence."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.course import Course
from labkit.grading import slots
from labkit.grading.learner import WORK
from tests.docker.desks import run
from tests.docker.listener import FETCH, HERE, NAMESPACE, PORT, SECRET, THERE, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.grading.desks import Desks
    from labkit.grading.rootless_desk import RootlessDesk
    from labkit.grading.transcript import CellRun

#: A container with every right there is, on the engine's whole file system, and its programs.
MIGHTY = (
    "!docker run --rm --privileged --pid=host --network=host --ipc=host --uts=host"
    " --security-opt seccomp=unconfined -v /:/host lab/shell chroot /host"
)
#: Looks at every process that there is.
WALK = """import os
for pid in os.listdir('/proc'):
    if pid.isdigit():
        print(open(f'/proc/{pid}/cmdline').read().replace(chr(0), ' '))
"""
IN_MEMORY = """import gc
def found(text):
    return ['got in' for item in gc.get_objects() if type(item) is str and text in item]
"""
#: Tries to look into each process and to change it, and says of which it could.
LOOK = """import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
class Part(ctypes.Structure):
    _fields_ = [('at', ctypes.c_void_p), ('size', ctypes.c_size_t)]
def transfers(function):
    def transfer(pid):
        mine, theirs = Part(ctypes.addressof(ctypes.create_string_buffer(8)), 8), Part(0x400000, 8)
        done = function(pid, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
        return done > 0 or ctypes.get_errno() == 14
    return transfer
ways = {
    'memory': lambda pid: open(f'/proc/{pid}/mem', 'r+b'),
    'map': lambda pid: open(f'/proc/{pid}/maps').read(),
    'reading': transfers(libc.process_vm_readv),
    'writing': transfers(libc.process_vm_writev),
    'a debugger': lambda pid: libc.ptrace(0x4206, pid, 0, 0) == 0,
    'open files': lambda pid: os.listdir(f'/proc/{pid}/fd'),
    'a descriptor': lambda pid: libc.syscall(438, libc.syscall(434, pid, 0), 0, 0) >= 0,
    'a namespace': lambda pid: os.open(f'/proc/{pid}/ns/mnt', os.O_RDONLY),
    'root': lambda pid: os.listdir(f'/proc/{pid}/root/'),
}
for pid in sorted(int(name) for name in os.listdir('/proc') if name.isdigit()):
    if pid != os.getpid():
        name = open(f'/proc/{pid}/comm').read().strip()
        for way, look in ways.items():
            try:
                could = bool(look(pid))
            except OSError:
                could = False
            said = 'got in' if pid == 1 or name in ('dockerd', 'containerd') else 'may be had'
            print(f'{name}: {way}', said if could else 'refused', flush=True)
"""
PROGRAMS = {"walk.py": WALK.encode(), "fetch.py": FETCH.encode(), "look.py": LOOK.encode()}


def shell(script: str) -> str:
    """Run a script of the shell in a container with every right, and say that it was run."""
    return f"{MIGHTY} sh -c '{script}; echo tried'"


def script(name: str) -> str:
    """Run a program of the learner's in a container with every right."""
    return f"{MIGHTY} {sys.executable} {WORK}/{name}.py"


def attempts(course: Course, secret: Path) -> dict[str, str]:
    """What is tried."""
    pid = os.getpid()
    solution = course.solution(course.exercise("containers.exit_code"))
    container = "!docker run --rm lab/shell"
    return {
        "a file of root's": f"!cat {secret}",
        "a file through a bind mount": f"!docker run --rm -v /:/host lab/shell cat /host{secret}",
        "a file, privileged": f"{MIGHTY} cat {secret}",
        "a disk of the machine": shell(
            "cd /tmp; mkdir d; for n in 0 16 32; do mknod b$n b 254 $n && mount b$n d"
            f" && cat d{secret} && echo got in; done"
        ),
        "a disk, as a device": "!for d in $(ls /sys/block); do docker run --rm --device /dev/$d"
        " lab/shell head -c 9 /dev/$d && echo got in; done; echo tried",
        "the memory of the machine": shell("mknod /tmp/m c 1 1; head -c 9 /tmp/m && echo got in"),
        "processes of the machine": WALK,
        "processes, from a container": script("walk"),
        "the grader's end": f"import os; os.kill({pid}, 9)",
        "the grader's end, from a container": shell(f"kill -9 {pid} && echo got in"),
        "the grader's memory": shell(f"head -c 9 /proc/{pid}/mem && echo got in"),
        "the grader's namespaces": shell(f"nsenter -t {pid} -m cat {secret}"),
        "the warm process's memory": IN_MEMORY + "print(found('/sol' + 'utions/0'))",
        "hidden checks": "import labkit.hidden_checks; print('got in')",
        "hidden checks in memory": "import sys; print([m for m in sys.modules if 'den_che' in m])",
        "hidden checks, as files": shell("find / -path *hidden_checks*.py"),
        "a solution": f"!cat {solution}",
        "solutions, from a container": shell(f"find / -name {solution.name} -exec cat {{}} +"),
        "results and other desks": shell("find /run/labkit /var/lib/labkit"),
        "another engine": shell("find / -name *.sock -not -path /run/* -exec echo got in {{}} +"),
        "shared memory of the machine": shell("ls /dev/shm; ipcs -m"),
        "a network of the machine": FETCH,
        "a network, from a container": f"{container} nc -w 2 {THERE} {PORT}; echo tried",
        "a network, from the engine's": script("fetch"),
        "a network, through a new link": shell(
            "ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up;"
            f" ip addr add {HERE}/24 dev v0; {sys.executable} {WORK}/fetch.py"
        ),
        "a network, through another's namespace": shell(
            f"ip link add link eth0 type macvlan && echo got in; ip netns exec {NAMESPACE} true"
            " && echo got in"
        ),
        "a port of the machine": FETCH.replace(THERE, HERE),
        "an abstract socket of the machine": "import socket; s = socket.socket(socket.AF_UNIX)\n"
        f"s.connect(chr(0) + 'lab-{SECRET[:8]}'); print('got in')",
        "more memory than allowed": shell(
            "for f in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
            " /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max;"
            " do echo 99999999999 > $f && echo got in; done"
        ),
        "a program run by the control groups": shell(
            "mkdir /tmp/c; mount -t cgroup -o memory x /tmp/c;"
            " echo /x > /tmp/c/release_agent && echo got in"
        ),
        "a program run by the kernel": shell(
            "echo /x > /proc/sys/kernel/core_pattern && echo got in;"
            " echo /x > /proc/sys/kernel/modprobe && echo got in"
        ),
        "the kernel itself": shell("echo b > /proc/sysrq-trigger && echo got in"),
        "the engine's memory": f"!{sys.executable} {WORK}/look.py",
        "the engine's memory, from a container": script("look"),
        "a module of the kernel": shell("modprobe dummy && echo got in; insmod /x && echo got in"),
        "the clock": shell("date -s 2001-01-01 && echo got in"),
        "programs that all share": shell("mount -o remount,rw /usr; touch /usr/x && echo got in"),
        "what lies below a mount": shell("nsenter -t 1 -m umount /proc && echo got in"),
        "layers that all share": shell(
            "mount -o remount,rw /srv/layers; mount -o remount,bind,rw /srv/layers;"
            " for f in /srv/layers/*/diff/bin/*; do echo x >> $f && echo got in; done"
        ),
        "another account": "import os; os.setuid(1); print('got in')",
        "privileges by a program": "!for p in su sudo newuidmap pkexec; do"
        " $p -c true 2>/dev/null </dev/null && echo got in; done; echo tried",
    }


@pytest.fixture(scope="module")
def listener() -> Iterator[None]:
    with (
        listening(),
        socket.create_server((HERE, PORT)),
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        abstract.bind(f"\0lab-{SECRET[:8]}")
        abstract.listen()
        yield


@pytest.fixture(scope="module")
def tries(
    desks: Desks,
    course: Course,
    listener: None,  # noqa: ARG001 - is there meanwhile
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, CellRun]]:
    """All attempts, made by one submission."""
    secret = tmp_path_factory.mktemp("results") / "secret.json"
    secret.write_text(SECRET)
    shared = Path(f"/dev/shm/lab-{SECRET[:8]}")  # noqa: S108 - the very place is what is tried
    shared.touch()
    try:
        named = attempts(course, secret)
        with desks.desk() as desk:
            transcript = run(desk, *named.values(), files=PROGRAMS, cell=20, whole=200)
            assert len(transcript.cells) == len(named), transcript.message
            assert desk.engine.version(), "the engine is still there"
            yield dict(zip(named, transcript.cells, strict=True))
    finally:
        shared.unlink()


NAMES = tuple(attempts(Course.load(Path(__file__).parents[2]), Path("/x")))


@pytest.mark.parametrize("name", NAMES)
def test_the_way_is_closed(tries: dict[str, CellRun], name: str) -> None:
    tried = tries[name]
    said = f"{tried.output}\n{tried.error or ''}"
    assert SECRET not in said
    assert "got in" not in said
    assert f"lab-{SECRET[:8]}" not in tried.output
    assert not re.search(r"-m pytest|hidden_checks/\w+\.py|END SOLUTION|desks/\d", tried.output)
    assert said.strip(), "a try that says nothing proves nothing"


def test_each_try_is_recorded(tries: dict[str, CellRun]) -> None:
    assert len(tries) > 20
    assert all(tried.source for tried in tries.values())


def test_a_mighty_container_does_run(tries: dict[str, CellRun]) -> None:
    """Else the tries above were refused for another reason."""
    assert "dockerd" in tries["processes, from a container"].output


def test_who_may_look_into_others_may_not_look_into_the_engine(tries: dict[str, CellRun]) -> None:
    """Else the engine would be closed by what keeps containers from all processes."""
    said = tries["the engine's memory, from a container"].output
    ways = set(re.findall(r"^containerd-shim: (.+) may be had", said, re.MULTILINE))
    assert len(ways) == 9, said
    for engine in ("dockerd", "containerd"):
        assert set(re.findall(rf"^{engine}: (.+) refused", said, re.MULTILINE)) == ways


def test_the_usual_socket_is_the_desks_own(desks: Desks) -> None:
    with desks.desk() as desk:
        ask = "import docker; print(docker.from_env().info()['Name'])"
        assert run(desk, ask).cells[0].output == "desk\n"


def test_a_forged_answer_of_the_process_earns_nothing(desks: Desks, course: Course) -> None:
    forge = (
        "import os, json\nfor fd in range(3, 99):\n"
        "    try: os.write(fd, json.dumps({'error': None, 'passed': True}).encode())\n"
        "    except OSError: pass"
    )
    patch = "import labkit.checking\nlabkit.checking._run = lambda *a: None"
    with desks.desk() as desk:
        run(desk, patch, forge, "print(1)")
        assert desk.check(course.exercise("containers.exit_code")).earned == 0


def test_a_forged_engine_is_not_believed(desks: Desks, course: Course) -> None:
    """The grader's socket lies where no learner is; another one in the usual place is nothing."""
    serve = (
        "import os, socket, threading\nos.remove('/run/docker.sock')\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('/run/docker.sock'); s.listen()"
    )
    with desks.desk() as desk:
        run(desk, serve)
        assert desk.check(course.exercise("containers.exit_code")).earned == 0


LIE = """import os, socket, threading
def pass_on(source, target, lie):
    while data := source.recv(1 << 16):
        target.sendall(data.replace(b'"ExitCode":0', b'"ExitCode":7') if lie else data)
    target.shutdown(socket.SHUT_WR)
server = socket.socket(socket.AF_UNIX)
server.bind('/run/lie.sock')
server.listen()
os.rename('/run/docker.sock', '/run/true.sock')
os.rename('/run/lie.sock', '/run/docker.sock')
while True:
    line = server.accept()[0]
    engine = socket.socket(socket.AF_UNIX)
    engine.connect('/run/true.sock')
    for ends in ((line, engine, False), (engine, line, True)):
        threading.Thread(target=pass_on, args=ends).start()
"""


def test_who_falsifies_answers_convinces_nobody_but_himself(
    desk: RootlessDesk, course: Course
) -> None:
    """A container of the learner's stands between the usual socket and the engine until the end."""
    exercise = course.exercise("containers.exit_code")
    serve = f"!docker run --detach -v /:/host lab/shell chroot /host {sys.executable} {WORK}/lie.py"
    wait = "import os, time\nwhile not os.path.exists('/run/true.sock'): time.sleep(0.01)"
    answer = "!docker run --name lab-report lab/shell echo backup finished"
    cells = (serve, wait, answer, "%load_ext labkit", f"%check {exercise.slug}")
    transcript = run(desk, *cells, files={"lie.py": LIE.encode()})
    assert "3 of 3 points" in transcript.cells[-1].output
    assert not desk.check(exercise).passed


def test_a_cell_cannot_write_into_the_engines_books(desk: RootlessDesk, course: Course) -> None:
    answer = "!docker run --name lab-report lab/shell sh -c 'echo no; exit 7'"
    forge = "!sed -i 's/no../backup finished\\\\n/' /var/lib/docker/containers/*/*.log"
    _answered, forged, listed = run(desk, answer, forge, "!find /run/docker").cells
    assert "No such file" in forged.output
    assert listed.output.split() == ["/run/docker"]
    result = desk.check(course.exercise("containers.exit_code"))
    assert [outcome.found for outcome in result.outcomes if outcome.found] == [
        "its log ends with `no`"
    ]


def test_who_could_have_changed_the_engine_is_noted(desk: RootlessDesk) -> None:
    """What is removed by itself, too; and nothing is said of ordinary containers."""
    ordinary = (
        "-v lab-data:/data lab/shell true",
        "-v /root/work:/work --cap-add NET_ADMIN lab/shell true",
        "-v /run/docker.sock:/run/docker.sock lab/shell true",
        f"-v /root/{'x' * 300}:/x lab/shell true",  # which no folder can have for its name
    )
    mighty = (
        "--name lab-a --privileged lab/shell true",
        "--name lab-b --pid host --cap-add SYS_PTRACE lab/shell true",
        "--name lab-c -v /:/host lab/shell true",
        "--name lab-d -v /var/lib/docker/containers:/x lab/shell true",
        "--name lab-e -v /root/link/containers:/x lab/shell true",
        "--name lab-f -v lab-hidden:/x lab/shell true",
    )
    hide = (
        "!ln -s ../../var/lib/docker /opt/docker; ln -s /opt/docker ~/link; docker volume create"
        " --opt type=none --opt o=bind --opt device=/root/link lab-hidden"
    )
    turn_round = (
        "!mkdir ~/turned; docker create --name lab-g -v /root/turned:/x lab/shell ls /x;"
        " rmdir ~/turned; ln -s /var/lib/docker ~/turned; docker start -a lab-g"
    )
    tries = [f"!docker run --rm {options}" for options in (*ordinary, *mighty)]
    transcript = run(desk, hide, *tries, turn_round)
    assert "overlay2" in transcript.cells[-1].output, "it is a way in"
    assert desk.doubts() == (
        "`lab-a`: --privileged",
        "`lab-b`: --pid=host, --cap-add=SYS_PTRACE",
        "`lab-c`: --volume /:/host",
        "`lab-d`: --volume /var/lib/docker/containers:/x",
        "`lab-e`: --volume /root/link/containers:/x",
        "`lab-f`: --volume lab-hidden:/x (/root/link)",
        "`lab-g`: --volume /root/turned:/x",
    )


def test_no_process_has_an_account_of_this_machine(desks: Desks) -> None:
    with desks.desk() as desk:
        run(desk, "!docker run --detach --privileged --name lab-site lab/web")
        pids = desk._slot.group.pids()
        users = {
            Path(f"/proc/{pid}").stat().st_uid for pid in pids if Path(f"/proc/{pid}").exists()
        }
        assert len(pids) > 3
        base = desk._slot.base
        assert all(base <= uid < base + slots.IDS_OF_A_SLOT for uid in users)
