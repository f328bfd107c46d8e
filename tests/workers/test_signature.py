"""Signatures of webhooks: the example that the Standard Webhooks specification's own libraries are tested with."""

from datetime import UTC, datetime

from workers.signature import sign_standard

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = datetime.fromtimestamp(1614265330, UTC)


def test_signs_as_standard_webhooks_do() -> None:
    signed = sign_standard("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', SECRET, AT)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_of_another_form_is_taken_by_its_bytes() -> None:
    assert sign_standard("a", b"{}", "whsec_not base64", AT) != sign_standard("a", b"{}", "another", AT)
