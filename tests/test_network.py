"""The guard of outgoing requests: which addresses it refuses, and that it connects to the address it checked."""

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.network import ForbiddenAddress, check_public, guarded_client, is_public, time_limit
from tests.scrapers.servers import Asked, Reply, serving

PRIVATE = (
    "127.0.0.1", "127.8.9.1", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
    "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "100::1",
)  # fmt: skip
PUBLIC = ("93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1")


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_address_is_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_global_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0", "017700000001", "LOCALHOST", "::1"])
def test_refuses_every_way_to_write_this_machine(host: str) -> None:
    with pytest.raises(ForbiddenAddress, match="KOE_ALLOWED_HOSTS="):
        check_public(host, 80, ())


def test_refuses_a_host_when_one_of_its_addresses_is_private() -> None:
    with pytest.raises(ForbiddenAddress):
        check_public("shop.example", 443, (), resolve=lambda host, port: ["1.1.1.1", "10.0.0.1"])


@pytest.mark.parametrize("entry", ["intra.example", "INTRA.example.", "intra.example:8080"])
def test_an_administrator_allows_a_host_or_a_host_and_port(entry: str) -> None:
    assert check_public("intra.example", 8080, [entry], resolve=lambda host, port: ["10.0.0.1"]) == ["10.0.0.1"]


def test_a_host_allowed_with_a_port_is_not_allowed_on_another() -> None:
    with pytest.raises(ForbiddenAddress, match=r"intra\.example:22 "):
        check_public("intra.example", 22, ["intra.example:8080"], resolve=lambda host, port: ["10.0.0.1"])


def test_ipv6_hosts_are_allowed_with_brackets_and_a_port() -> None:
    assert check_public("::1", 8080, ["[::1]:8080"], resolve=lambda host, port: ["::1"]) == ["::1"]


def a_client() -> httpx.Client:
    return guarded_client(["127.0.0.1"], verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def answer_with_host(asked: Asked) -> Reply:
    return Reply(asked.headers["host"].encode())


def test_reaches_a_private_server_only_when_it_is_allowed() -> None:
    with serving(answer_with_host) as server:
        with guarded_client([f"127.0.0.1:{server.port}"]) as allowed:
            assert allowed.get(server.url).text == f"127.0.0.1:{server.port}"
        with guarded_client(["other.example"]) as client, pytest.raises(ForbiddenAddress):
            client.get(server.url)
        assert len(server.asked) == 1


def test_connects_to_the_address_it_checked_when_the_name_changes_its_mind() -> None:
    answers = iter([["127.0.0.1"], ["10.255.255.1"]])
    with serving(answer_with_host) as server, guarded_client(["rebind.example"], resolve=lambda host, port: next(answers)) as client:
        assert client.get(f"http://rebind.example:{server.port}/").text == f"rebind.example:{server.port}"
    assert next(answers) == ["10.255.255.1"]  # the name was asked once: nothing but the checked answer was used


def test_a_name_that_turns_private_later_is_refused_later() -> None:
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])
    assert check_public("rebind.example", 80, (), resolve=lambda host, port: next(answers)) == ["1.1.1.1"]
    with guarded_client((), resolve=lambda host, port: next(answers)) as client, pytest.raises(ForbiddenAddress):
        client.get("http://rebind.example/")


def test_tries_the_next_address_when_the_first_does_not_answer() -> None:
    with serving(answer_with_host) as server, guarded_client(["two.example"], resolve=lambda host, port: ["::1", "127.0.0.1"]) as client:
        assert client.get(f"http://two.example:{server.port}/").status_code == 200


def test_follows_no_redirect_by_itself_and_refuses_the_hop_to_a_private_address() -> None:
    with serving(lambda asked: Reply(status=302, headers={"Location": "http://169.254.169.254/latest/"})) as server, a_client() as client:
        response = client.get(server.url)
        assert response.status_code == 302
        assert response.next_request is not None
        with pytest.raises(ForbiddenAddress):
            client.send(response.next_request)


def test_speaks_http_and_https_only() -> None:
    with guarded_client(["x"]) as client, pytest.raises(httpx.UnsupportedProtocol, match="ftp://"):
        client.get("ftp://x/")


def test_an_unknown_name_is_a_connection_error() -> None:
    with guarded_client(()) as client, pytest.raises(httpx.ConnectError, match="cannot be resolved"):
        client.get("http://nowhere.invalid/")


def test_ignores_the_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving(answer_with_host) as server, a_client() as client:
        assert client.get(server.url).status_code == 200


def test_keeps_no_cookie() -> None:
    with (
        serving(lambda asked: Reply(asked.headers.get("cookie", "none").encode(), headers={"Set-Cookie": "a=b"})) as server,
        a_client() as client,
    ):
        assert [client.get(server.url).text, client.get(server.url).text] == ["none", "none"]


def test_the_time_limit_ends_a_body_that_drips() -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.05)
            yield b"."

    with serving(lambda asked: Reply(drip())) as server, guarded_client(["127.0.0.1"], timeout=30) as client:
        started = time.monotonic()
        with time_limit(0.3), pytest.raises(httpx.ReadTimeout):
            client.get(server.url)
        assert time.monotonic() - started < 2


def test_an_inner_time_limit_never_outlasts_the_outer() -> None:
    with serving(answer_with_host) as server, a_client() as client, time_limit(0), time_limit(60), pytest.raises(httpx.TimeoutException):
        client.get(server.url)


def a_certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext, list[str | None]]:
    """A server context that notes the names it is asked for, and a client context that trusts it."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    plain_key = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(plain_key + pem)
    asked_for: list[str | None] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    server.sni_callback = lambda sock, name, context: asked_for.append(name)
    return server, ssl.create_default_context(cadata=pem.decode()), asked_for


def a_shop_client(trusted: ssl.SSLContext) -> httpx.Client:
    return guarded_client(["shop.example"], resolve=lambda host, port: ["127.0.0.1"], verify=trusted)


def test_keeps_the_name_of_the_url_for_tls_and_host(tmp_path: Path) -> None:
    server_context, client_context, asked_for = a_certificate(tmp_path, "shop.example")
    with serving(answer_with_host, tls=server_context) as server, a_shop_client(client_context) as client:
        assert client.get(f"https://shop.example:{server.port}/").text == f"shop.example:{server.port}"
    assert asked_for == ["shop.example"]


def test_refuses_a_certificate_of_another_name(tmp_path: Path) -> None:
    server_context, client_context, _ = a_certificate(tmp_path, "other.example")
    refused = pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED")
    with serving(answer_with_host, tls=server_context) as server, a_shop_client(client_context) as client, refused:
        client.get(f"https://shop.example:{server.port}/")
