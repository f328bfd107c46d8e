"""Links in alerts: nobody else makes one, and none works for ever."""

from datetime import timedelta

import pytest

from core.errors import NotFound
from store.database import Database
from store.deliveries import enqueue_test, use_link
from store.links import GOOD_FOR, open_link, seal_link
from store.records import Delivery, Workspace
from store.secrets import Vault
from tests.builders import NOW, a_webhook
from tests.threads import together

VAULT = Vault("a secret of this test")


@pytest.fixture
def delivery(database: Database, workspace: Workspace) -> Delivery:
    with database.write() as connection:
        channel = a_webhook(connection, workspace.id, vault=VAULT)
        return enqueue_test(connection, workspace.id, channel.id, NOW)


def test_a_link_leads_back_to_its_delivery_for_a_week(delivery: Delivery) -> None:
    token = seal_link(VAULT, delivery)
    link = open_link(VAULT, token, NOW + GOOD_FOR - timedelta(seconds=1))
    assert (link.workspace_id, link.delivery_id) == (delivery.workspace_id, delivery.id)
    with pytest.raises(NotFound, match="over"):
        open_link(VAULT, token, NOW + GOOD_FOR)


def test_every_attempt_bears_the_same_link(delivery: Delivery) -> None:
    assert seal_link(VAULT, delivery) == seal_link(VAULT, delivery)


@pytest.mark.parametrize("change", ["", "x", ".", "..", "1.1.9999999999.", "é.1.2.3", "\N{HIRAGANA LETTER A}"])
def test_what_we_did_not_sign_is_not_known(delivery: Delivery, change: str) -> None:
    token = seal_link(VAULT, delivery)
    for forged in (change, token + change + "x", change + token[1:], token[:-1]):
        with pytest.raises(NotFound):
            open_link(VAULT, forged, NOW)


def test_a_link_of_another_secret_is_not_known(delivery: Delivery) -> None:
    with pytest.raises(NotFound):
        open_link(Vault("another secret, long enough"), seal_link(VAULT, delivery), NOW)


def test_of_two_who_use_a_link_at_once_one_does(database: Database, delivery: Delivery) -> None:
    def use() -> bool:
        with database.write() as connection:
            return use_link(connection, delivery.workspace_id, delivery.id, NOW)

    assert sorted(together([use, use])) == [False, True]
