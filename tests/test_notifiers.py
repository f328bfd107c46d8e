"""What the library apprise may be used for, and what its code may touch: shown in processes that are confined for good."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.notifiers import check_notifier, speaks_http

ROOT = Path(__file__).parents[1]
CONFINED = "import socket, os, subprocess, apprise; from core.notifiers import confine; refused = []; confine({allowed}, refused)\n{code}"


def run(code: str, *, allowed: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run code in a process that was confined before."""
    program = CONFINED.format(allowed=list(allowed), code=code)
    return subprocess.run([sys.executable, "-B", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()",
        "open('pyproject.toml').read()",
        "open('/tmp/x', 'w')",
        "os.open('/tmp/x', os.O_WRONLY | os.O_CREAT)",
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "os.remove('/tmp/nothing')",
        "socket.create_connection(('127.0.0.1', 9), 1)",
        "socket.create_connection(('localhost', 9), 1)",
        "socket.create_connection(('169.254.169.254', 80), 1)",
        "socket.socket(socket.AF_UNIX).connect('/run/x.sock')",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 514))",
        "socket.socket().bind(('127.0.0.1', 0))",
    ],
)
def test_a_confined_process_touches_no_file_no_program_and_no_private_address(code: str) -> None:
    done = run(code)
    assert done.returncode != 0
    assert "PermanentError" in done.stderr


def test_an_answer_of_dns_that_changes_after_a_check_is_of_no_use() -> None:
    """The first look-up is public, the connection goes to the second: what is seen is the address itself."""
    done = run(
        "answers = iter(['93.184.216.34', '127.0.0.1'])\n"
        "socket.getaddrinfo = lambda *a, **k: [(2, 1, 6, '', (next(answers), 9))]\n"
        "socket.getaddrinfo('rebind.example', 9)\n"
        "socket.create_connection(('rebind.example', 9), 1)"
    )
    assert "127.0.0.1:9 is a private address" in done.stderr


def test_an_allowed_host_is_reached_at_its_port_alone() -> None:
    with_port = run("socket.create_connection(('127.0.0.1', 9), 1)", allowed=("localhost:9",))
    assert "ConnectionRefusedError" in with_port.stderr
    assert "PermanentError" in run("socket.create_connection(('127.0.0.1', 10), 1)", allowed=("localhost:9",)).stderr


def test_a_confined_process_still_loads_libraries_and_certificates() -> None:
    done = run(
        "import ssl, requests, zoneinfo, xml.dom; ssl.create_default_context(); import certifi; open(certifi.where()).read(); print('fine')"
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_services_of_the_internet_are_known_by_name_and_own_servers_by_host() -> None:
    assert check_notifier("tgram://123456789:abcdefg_hijklmnop/12315544/", ()) == "Telegram"
    assert check_notifier("https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", ()) == "Discord"
    assert check_notifier("mmosts://chat.example.invalid/3ccdd113474722377935511fc85d3dd4", ()) == "Mattermost: chat.example.invalid"


def test_most_services_are_there_and_none_that_is_not_http() -> None:
    from apprise.manager_plugins import NotificationManager

    services = NotificationManager()  # type: ignore[no-untyped-call]
    schemes: list[str] = services.schemas()  # type: ignore[no-untyped-call]
    usable = {scheme for scheme in schemes if speaks_http(services[scheme])}
    assert len(usable) > 150
    assert (
        usable
        & {"irc", "mqtt", "rsyslog", "syslog", "dbus", "gnome", "macosx", "windows", "aprs", "xmpp", "smpp", "growl", "amqp", "mailto"}
        == set()
    )


@pytest.mark.parametrize(
    "url", ["", "x", "http://example.com", "file:///etc/passwd", "vapid://a@b.c?keyfile=/etc/passwd", "json://10.0.0.1/"]
)
def test_what_is_refused_says_what_would_do(url: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_notifier(url, ())
    assert refusal.value.field == "url"
    assert any(word in str(refusal.value) for word in ("valid are", "not used from here", "KOE_ALLOWED_HOSTS"))
