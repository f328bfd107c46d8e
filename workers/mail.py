"""Email by SMTP: text and HTML of the same words, one thread per alert, over TLS wherever there is a password."""

import html
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from core.errors import PermanentError
from core.network import guarded_socket
from insights.phrases import LABELS
from workers.letters import Attempt, Letter, Outside, masked

TIME_LIMIT = 20.0
"""Seconds for the whole talk. Mail servers look at what they take before they say so."""
CELL = "padding:4px 12px 4px 0;text-align:left;vertical-align:top"


def send(outside: Outside, letter: Letter, now: datetime) -> Attempt:
    """One message to every address of the channel. 4xx is for later, 5xx (a bad password, no such mailbox) is for good."""
    recipients = addresses(letter)
    try:
        with talk(outside, letter) as server:
            refused = introduce(server, letter, recipients)
            code, said = server.data(compose(letter, recipients, now).as_bytes(policy=SMTP))
            if code != 250:
                raise smtplib.SMTPDataError(code, said)
    except smtplib.SMTPException as error:
        return judge(error, letter)
    except PermanentError as error:
        return Attempt(str(error))
    except (OSError, ValueError) as error:  # ValueError: a read of a TLS connection that the time limit has closed
        return Attempt(f"no answer: {masked(str(error), letter) or type(error).__name__}", again=True)
    answer = f"{code} {_text(said)}" + (f"; refused {len(refused)} of {len(recipients)} addresses: {'; '.join(refused)}" if refused else "")
    return Attempt(answer=masked(answer, letter))


@contextmanager
def talk(outside: Outside, letter: Letter) -> Iterator[smtplib.SMTP]:
    """A connection to the server, encrypted and logged in as the channel says. It ends when its time is over, whatever is going on."""
    host, port = letter.option("host"), int(letter.option("port"))
    security = letter.option("security") or "starttls"  # nobody who said nothing asked for none
    context = outside.tls or ssl.create_default_context()
    connection = guarded_socket(host, port, outside.allowed_hosts, timeout=TIME_LIMIT / 2, resolve=outside.resolve)
    server = smtplib.SMTP(local_hostname="localhost", timeout=TIME_LIMIT / 2)
    server._host = host  # type: ignore[attr-defined]  # what a certificate is checked against after STARTTLS
    server.sock = connection
    over = threading.Timer(TIME_LIMIT, lambda: _hang_up(server))
    over.start()
    try:
        if security == "tls":
            server.sock = context.wrap_socket(connection, server_hostname=host)
        code, said = server.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        if security == "starttls":
            server.starttls(context=context)
        if username := letter.option("username"):
            server.login(username, letter.secrets["password"])
        yield server
        with suppress(smtplib.SMTPException, OSError, ValueError):  # what was taken is taken, however the talk ends
            server.quit()
    finally:
        over.cancel()
        server.close()


def introduce(server: smtplib.SMTP, letter: Letter, recipients: Sequence[str]) -> list[str]:
    """Say from whom and to whom; why some were refused. Raises SMTPRecipientsRefused when all were."""
    server.ehlo_or_helo_if_needed()
    code, said = server.mail(letter.option("from"))
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, said, letter.option("from"))
    replies = {recipient: server.rcpt(recipient) for recipient in recipients}
    refused = {recipient: reply for recipient, reply in replies.items() if reply[0] not in {250, 251}}
    if len(refused) == len(replies):
        raise smtplib.SMTPRecipientsRefused(refused)
    return [f"{code} {_text(said)}" for code, said in refused.values()]


def judge(error: smtplib.SMTPException, letter: Letter) -> Attempt:
    """What a refusal means: the first digit of its code says whether to come again."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        replies = list(error.recipients.values())
        code, said = min(replies, key=lambda reply: reply[0])
    elif isinstance(error, smtplib.SMTPResponseException):
        code, said = error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else error.smtp_error.encode()
    elif isinstance(error, smtplib.SMTPNotSupportedError):
        return Attempt(f"the server does not offer what the channel needs: {masked(str(error), letter)}")
    else:
        return Attempt(f"no answer: {masked(str(error), letter)}", again=True)
    answer = masked(f"{code} {_text(said)}", letter)
    return Attempt(f"answered {answer}", again=not 500 <= code < 600, answer=answer)


def compose(letter: Letter, recipients: Sequence[str], now: datetime) -> EmailMessage:
    """The message. Its id is the same on every attempt; all changes of an alert answer to one id, and share a subject."""
    domain = letter.option("from").rpartition("@")[2]
    root, event_id = f"<{letter.key}@{domain}>", letter.delivery.event_id
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Koe <{letter.option('from')}>"
    message["To"] = ", ".join(recipients)
    message["Subject"] = f"[Koe] {letter.wording.subject}"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{event_id}.{letter.key}@{domain}>"
    message["In-Reply-To"] = root
    message["References"] = root
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["X-Koe-Event"] = letter.delivery.event
    message["X-Koe-Delivery"] = event_id
    message.set_content(as_text(letter))
    message.add_alternative(as_html(letter), subtype="html")
    return message


def as_text(letter: Letter) -> str:
    """Headline, sentences, one line per alert of several, figures, quotes, link."""
    labels, wording = LABELS[letter.channel.language], letter.wording
    listed, figures = (f"- {line}" for line in wording.lines), (f"{label}: {value}" for label, value in wording.facts)
    parts = [wording.headline, wording.sentences, "\n".join(listed), "\n".join(figures)]
    if letter.quotes:
        parts.append("\n".join([f"{labels['quotes']}:", *(f"> {quote}" for quote in letter.quotes)]))
    if letter.link:
        parts.append(f"{labels['acknowledge']}:\n{letter.link}")
    return "\n\n".join([*(part for part in parts if part), f"-- \n{labels['sent']}"]) + "\n"


def as_html(letter: Letter) -> str:
    """The same; every word of it escaped."""
    labels, wording, esc = LABELS[letter.channel.language], letter.wording, html.escape
    rows = "".join(f'<tr><th style="{CELL}">{esc(label)}</th><td style="{CELL}">{esc(value)}</td></tr>' for label, value in wording.facts)
    listed = "".join(f"<li>{esc(line)}</li>" for line in wording.lines)
    quoted = "".join(f"<blockquote>{esc(quote)}</blockquote>" for quote in letter.quotes)
    parts = [
        f"<h2>{esc(wording.headline)}</h2>",
        f"<p>{esc(wording.sentences)}</p>",
        f"<ul>{listed}</ul>" if listed else "",
        f"<table>{rows}</table>" if rows else "",
        f"<h3>{esc(labels['quotes'])}</h3>{quoted}" if quoted else "",
        f'<p><a href="{esc(letter.link)}">{esc(labels["acknowledge"])}</a></p>' if letter.link else "",
        f"<p><small>{esc(labels['sent'])}</small></p>",
    ]
    body = "\n".join(part for part in parts if part)
    return f'<!doctype html>\n<html lang="{letter.channel.language}"><body style="font-family:sans-serif">\n{body}\n</body></html>\n'


def addresses(letter: Letter) -> list[str]:
    """To whom it goes."""
    to = letter.channel.options["to"]
    return [str(one) for one in to] if isinstance(to, list) else [str(to)]


def _hang_up(server: smtplib.SMTP) -> None:
    # The class of the plain socket: an SSLSocket would first drop what the other thread is reading with.
    if server.sock is not None:
        try:
            socket.socket.shutdown(server.sock, socket.SHUT_RDWR)
        except OSError:
            return


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace")
