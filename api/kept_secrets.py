"""A secret that a change keeps is not sent to a new address unasked: whoever names the address could read it there."""

from collections.abc import Iterable, Mapping

from core.errors import InvalidInput


def kept_secrets(after: Mapping[str, object], given: Mapping[str, object]) -> frozenset[str]:
    """Names of the secrets that are set after a change which did not give them again; blank or null gives none.

    `after`: the secrets as the change leaves them, where a blank one is none either; `given`: the fields of the change.
    """
    return frozenset(name for name, value in after.items() if not _is_blank(value) and _is_blank(given.get(name)))


def check_kept_secrets(*, receivers_changed: bool, kept: Iterable[str]) -> None:
    """`receivers_changed`: the change names another place that secrets are sent to. Raises InvalidInput for the first that is `kept`."""
    if receivers_changed:
        for name in sorted(kept):
            raise InvalidInput(f"give {name} again: it is not sent to a new address unasked", field=name)


def _is_blank(value: object) -> bool:
    return value is None or not str(value).strip()
