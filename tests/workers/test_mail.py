"""Email to a real SMTP server (aiosmtpd): over TLS, logged in, threaded, escaped, and refused in every way."""

import email
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from store.database import Database
from store.records import Workspace
from store.rollups import roll_up_touched
from tests.builders import NOW, a_new_feedback, an_annotation, store_annotated
from tests.test_network import a_certificate
from tests.workers.letters import Desk, a_desk
from workers import mail
from workers.deliver import Delivered

HOST = "mail.example.com"
TO = ["ops@example.com", "boss@example.com"]


@dataclass(slots=True)
class Mailbox:
    """An SMTP server's memory. `refuse`: an address -> what RCPT TO is answered; `reply`: what DATA is answered; `hangs_up`: at QUIT."""

    port: int = 0
    got: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    reply: str = "250 queued as 42"
    hangs_up: bool = False

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]) -> str:  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        if self.reply.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.got.append(message)
            self.recipients.append(list(envelope.rcpt_tos))
        return self.reply

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hangs_up:
            assert server.transport is not None
            server.transport.close()
        return "221 Bye"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        self.users.append(given.login.decode())
        return AuthResult(success=given.password == b"hunter22", handled=False)


class Started(Controller):
    """Looks whether it answers with the context of a client; the library would use the server's own."""

    trusted: ssl.SSLContext | None = None

    def _trigger_server(self) -> None:
        with socket.create_connection((self.hostname, self.port), timeout=5) as plain:
            if self.trusted is None:
                plain.recv(100)
                return
            with self.trusted.wrap_socket(plain, server_hostname=HOST) as wrapped:
                wrapped.recv(100)


@contextmanager
def a_mailbox(trusted: ssl.SSLContext | None = None, **options: Any) -> Iterator[Mailbox]:
    """A server on loopback until the end of the block; `trusted`: how to look at one that speaks TLS from the first byte on."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    controller = Started(box, hostname="127.0.0.1", port=box.port, authenticator=box.authenticate, **options)
    controller.trusted = trusted
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def desk_of(database: Database, workspace: Workspace, box: Mailbox, *, quotes: bool = False, **options: object) -> Desk:
    secrets = {"password": str(options.pop("password"))} if "password" in options else {}
    shown = {"host": HOST, "port": box.port, "security": "none", "from": "koe@example.com", "to": TO} | options
    desk = a_desk(database, workspace, "email", secrets, shown, include_quotes=quotes)
    desk.allowed, desk.resolve = (HOST,), lambda host, port: ["127.0.0.1"]
    return desk


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with a_mailbox() as listening:
        yield listening


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


def test_a_mail_says_it_in_text_and_html_to_everybody(database: Database, workspace: Workspace, box: Mailbox) -> None:
    desk = desk_of(database, workspace, box)
    assert desk.tell("alert.opened") == Delivered(1, 0, 0)
    [message] = box.got
    assert box.recipients == [TO]
    assert message["Subject"] == "[Koe] Surge of complaints on <b>A & B</b> *Co* <!channel> @everyone"
    assert "1,480 complaints on" in body(message, "plain")
    assert "since 2026-03-01 20:40 JST" in body(message, "plain")
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in body(message, "html")
    assert "<b>" not in body(message, "html")
    assert 'href="https://koe.example.com/acknowledge/' in body(message, "html")
    assert message["Auto-Submitted"] == "auto-generated"
    assert desk.deliveries()[0].answer == "250 queued as 42"


def test_several_alerts_are_listed_in_text_and_html(database: Database, workspace: Workspace, box: Mailbox) -> None:
    desk = desk_of(database, workspace, box)
    desk.enqueue_group()
    assert desk.run() == Delivered(1, 0, 0)
    [message] = box.got
    assert message["Subject"].startswith("[Koe] Surge of complaints on <b>")
    assert "- Critical: 1,480 complaints about Delivery, usually about 64" in body(message, "plain").splitlines()
    assert "<ul><li>Critical: 1,480 complaints about Delivery, usually about 64</li><li>Low: " in body(message, "html")


def test_one_alert_is_one_thread_and_each_change_keeps_its_id(database: Database, workspace: Workspace, box: Mailbox) -> None:
    desk = desk_of(database, workspace, box)
    box.reply = "451 come again"
    assert desk.tell("alert.opened", "alert.resolved") == Delivered(0, 1, 0)
    first = desk.deliveries()[0]
    box.reply, desk.now = "250 OK", NOW + timedelta(minutes=1)
    assert desk.run() == Delivered(2, 0, 0)
    opened, resolved = box.got
    assert opened["References"] == resolved["References"] == resolved["In-Reply-To"]
    assert opened["Subject"] == resolved["Subject"]
    assert opened["Message-ID"] != resolved["Message-ID"]
    assert first.event_id in opened["Message-ID"]


@pytest.mark.parametrize("asked", [True, False])
def test_quotes_are_shown_where_they_are_asked_for_and_escaped(
    database: Database,
    workspace: Workspace,
    box: Mailbox,
    asked: bool,  # noqa: FBT001
) -> None:
    desk = desk_of(database, workspace, box, quotes=asked)
    text = "Delta came <script>late</script>\r\nBcc: all@example.com"
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(text, hours_ago=0.1), an_annotation(complaint=True))])
        store_annotated(
            connection, workspace.id, [(a_new_feedback("Delta was fine", hours_ago=0.1), an_annotation("positive", complaint=False))]
        )
        roll_up_touched(connection, limit=100, now=NOW)
    assert desk.tell("alert.opened") == Delivered(1, 0, 0)
    shown = body(box.got[0], "html")
    assert ("&lt;script&gt;late&lt;/script&gt;" in shown, "<script>" in shown, "fine" in shown) == (asked, False, False)
    assert ("> Delta came <script>late</script> Bcc: all@example.com" in body(box.got[0], "plain").splitlines()) == asked
    assert "script" not in desk.deliveries()[0].payload


def test_starttls_and_a_login_are_used_as_the_channel_says(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    server, client, _ = a_certificate(tmp_path, HOST)
    with a_mailbox(tls_context=server, require_starttls=True, auth_required=True) as box:
        desk = desk_of(database, workspace, box, security="starttls", username="koe", password="hunter22")
        desk.tls = client
        assert desk.tell("alert.opened") == Delivered(1, 0, 0)
    assert (box.users, len(box.got)) == (["koe"], 1)


def test_tls_from_the_first_byte(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    server, client, _ = a_certificate(tmp_path, HOST)
    with a_mailbox(client, ssl_context=server) as box:
        desk = desk_of(database, workspace, box, security="tls")
        desk.tls = client
        assert desk.tell("alert.opened") == Delivered(1, 0, 0)
    assert len(box.got) == 1


def test_a_certificate_of_another_name_gets_no_password(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    server, client, _ = a_certificate(tmp_path, "other.example.com")
    with a_mailbox(tls_context=server) as box:
        desk = desk_of(database, workspace, box, security="starttls", username="koe", password="hunter22")
        desk.tls = client
        assert desk.tell("alert.opened") == Delivered(0, 1, 0)
    assert (box.users, box.got) == ([], [])
    assert "CERTIFICATE_VERIFY_FAILED" in str(desk.last_error())


def test_a_bad_password_is_for_good(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    server, client, _ = a_certificate(tmp_path, HOST)
    with a_mailbox(tls_context=server) as box:
        desk = desk_of(database, workspace, box, security="starttls", username="koe", password="wrong-one")
        desk.tls = client
        assert desk.tell("alert.opened") == Delivered(0, 0, 1)
    assert str(desk.last_error()).startswith("answered 535")
    assert "wrong-one" not in str(desk.last_error())


def test_a_server_without_starttls_is_never_told_a_password(database: Database, workspace: Workspace, box: Mailbox) -> None:
    desk = desk_of(database, workspace, box, security="starttls", username="koe", password="hunter22")
    assert desk.tell("alert.opened") == Delivered(0, 0, 1)
    assert box.users == []
    assert "STARTTLS" in str(desk.last_error())


@pytest.mark.parametrize(("reply", "came_of_it"), [("550 spam", Delivered(0, 0, 1)), ("452 full", Delivered(0, 1, 0))])
def test_the_first_digit_says_whether_to_come_again(
    database: Database, workspace: Workspace, box: Mailbox, reply: str, came_of_it: Delivered
) -> None:
    desk = desk_of(database, workspace, box)
    box.reply = reply
    assert desk.tell("alert.opened") == came_of_it
    assert desk.last_error() == f"answered {reply}"


def test_who_can_get_it_gets_it_and_the_rest_is_named(database: Database, workspace: Workspace, box: Mailbox) -> None:
    desk = desk_of(database, workspace, box)
    box.refuse = {"boss@example.com": "550 no such mailbox"}
    assert desk.tell("alert.opened") == Delivered(1, 0, 0)
    assert box.recipients == [["ops@example.com"]]
    assert "refused 1 of 2 addresses: 550 no such mailbox" in str(desk.deliveries()[0].answer)
    box.refuse = dict.fromkeys(TO, "550 no such mailbox")
    assert desk.tell("alert.extended") == Delivered(0, 0, 1)


def test_a_mail_that_was_taken_is_not_sent_again_when_the_server_hangs_up(database: Database, workspace: Workspace, box: Mailbox) -> None:
    box.hangs_up = True
    assert desk_of(database, workspace, box).tell("alert.opened") == Delivered(1, 0, 0)
    assert len(box.got) == 1


def test_a_private_server_is_not_reached(database: Database, workspace: Workspace, box: Mailbox) -> None:
    desk = desk_of(database, workspace, box)
    desk.allowed = ()
    assert desk.tell("alert.opened") == Delivered(0, 0, 1)
    assert "KOE_ALLOWED_HOSTS" in str(desk.last_error())
    assert box.got == []


def test_a_name_that_changes_its_mind_after_the_check_is_of_no_use(database: Database, workspace: Workspace, box: Mailbox) -> None:
    desk = desk_of(database, workspace, box)
    answers = iter([["127.0.0.1"], ["10.255.255.1"]])
    desk.resolve = lambda host, port: next(answers)
    assert desk.tell("alert.opened") == Delivered(1, 0, 0)
    assert next(answers) == ["10.255.255.1"]  # the name was asked once


def test_a_server_that_says_nothing_or_drips_is_given_up_in_time(
    database: Database, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "TIME_LIMIT", 1.0)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                while not over.wait(0.2):
                    try:
                        connection.sendall(b"2")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        desk = desk_of(database, workspace, Mailbox(port=listening.getsockname()[1]))
        assert desk.tell("alert.opened") == Delivered(0, 1, 0)
        over.set()
        dripping.join()
