"""Which of the host's mirrors an image is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labkit import mirrors
from labkit.distribution import is_debian

if TYPE_CHECKING:
    from pathlib import Path


def test_the_hosts_own_debian_mirror_is_taken_and_no_other_origin() -> None:
    targets = (
        "Debian bookworm main http://mirror.class/debian/\n"
        "Debian bookworm contrib http://mirror.class/debian/\n"
        "Debian bookworm-updates main http://mirror.class/debian/\n"
        "Debian bookworm-security main http://mirror.class/security/\n"
        "Docker bookworm stable https://download.example/linux/debian/\n"
        "Other bookworm main https://packages.example/\n"
    )
    assert mirrors.choose(targets, "bookworm").lines == (
        "deb http://mirror.class/debian/ bookworm main",
        "deb http://mirror.class/debian/ bookworm-updates main",
        "deb http://mirror.class/security/ bookworm-security main",
    )


@pytest.mark.parametrize(
    "targets",
    [
        "Ubuntu noble main http://archive.ubuntu.example/ubuntu/",
        "Debian bookworm main file:/media/cdrom/",
        "Debian bookworm-security main http://mirror.class/security/",
        "",
    ],
)
def test_another_host_takes_debians_own_mirrors(targets: str) -> None:
    assert mirrors.choose(targets, "bookworm").lines == ()


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt with sources of its own, which it has already asked; the folder of its settings."""
    if not is_debian():
        pytest.skip("this machine has no apt")
    settings, lists = tmp_path / "etc", tmp_path / "lists"
    for folder in (settings / "auth.conf.d", lists / "partial"):
        folder.mkdir(parents=True)
    config = tmp_path / "apt.conf"
    config.write_text(
        f'Dir::Etc "{settings}";\nDir::Etc::sourceparts "-";\nDir::State::lists "{lists}";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(config))
    (settings / "sources.list").write_text(
        "deb http://ada:s3cret@one.class/debian bookworm main\n"
        "deb http://two.class/debian bookworm main\n"
        "deb http://three.class/debian bookworm-updates main\n"
    )
    for machine, suite in (("one", ""), ("two", ""), ("three", "-updates")):
        release = f"{machine}.class_debian_dists_bookworm{suite}"
        (lists / f"{release}_Release").write_text(
            f"Origin: Debian\nSuite: stable\nCodename: bookworm{suite}\nComponents: main\n"
            "Date: Thu, 01 Jan 2026 00:00:00 UTC\nMD5Sum:\n"
            " d41d8cd98f00b204e9800998ecf8427e 0 main/binary-amd64/Packages\n"
            " d41d8cd98f00b204e9800998ecf8427e 0 main/binary-arm64/Packages\n"
        )
        for architecture in ("amd64", "arm64"):
            (lists / f"{release}_main_binary-{architecture}_Packages").touch()
    return settings


@pytest.mark.usefixtures("apt")
def test_a_password_in_a_source_reaches_no_image() -> None:
    found = mirrors.host_mirrors("bookworm")
    assert found.lines == (
        "deb http://two.class/debian/ bookworm main",
        "deb http://three.class/debian/ bookworm-updates main",
    )
    assert found.withheld == ("one.class",)
    assert found.withheld_in_words() == (
        "This machine's mirror `one.class` wants a password and is not used."
    )


@pytest.mark.parametrize("place", ["auth.conf", "auth.conf.d/class.conf"])
@pytest.mark.parametrize("named", ["two.class", "https://two.class/debian", "two.class:80"])
def test_a_mirror_that_apt_has_a_password_for_is_left_out(
    apt: Path, place: str, named: str
) -> None:
    (apt / place).write_text(f"machine {named}\nlogin ada\npassword s3cret\n")
    found = mirrors.host_mirrors("bookworm")
    assert found.lines == ()
    assert found.withheld == ("one.class", "two.class")
