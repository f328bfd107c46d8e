"""One rule for sources and channels: which secrets a change keeps, and that they do not go to a new address."""

import pytest

from api.kept_secrets import check_kept_secrets, kept_secrets
from core.errors import InvalidInput


@pytest.mark.parametrize(
    ("after", "given", "kept"),
    [
        ({"token": "old"}, {}, {"token"}),
        ({"token": "old"}, {"token": None}, {"token"}),
        ({"token": "old"}, {"token": " "}, {"token"}),
        ({"token": "new"}, {"token": "new"}, set()),
        ({"token": ""}, {"token": ""}, set()),
        ({}, {"token": None}, set()),
        ({"token": "new", "password": "old"}, {"token": "new"}, {"password"}),
    ],
)
def test_a_secret_is_kept_when_it_is_set_and_was_not_given_again(after: dict[str, str], given: dict[str, object], kept: set[str]) -> None:
    assert kept_secrets(after, given) == kept


def test_a_kept_secret_does_not_go_to_a_new_address() -> None:
    with pytest.raises(InvalidInput, match="give password again: it is not sent to a new address unasked") as caught:
        check_kept_secrets(receivers_changed=True, kept={"token", "password"})
    assert caught.value.field == "password"
    check_kept_secrets(receivers_changed=True, kept=())
    check_kept_secrets(receivers_changed=False, kept={"token"})
