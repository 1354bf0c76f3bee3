"""Names of what is to be deleted among the settings of others, as a variable of a service names a queue; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bizops import provider
from bizops.resource import Use, texts_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.provider import Observations
    from bizops.resource import Address, Observation, Path

_BETWEEN = re.compile(r"[\s,;]+")
_NAME = re.compile(r"[\w.-]+")
"""What may be a name within more, as in `--queue=orders` or `amqp://host/vhost?queue=orders`."""

Names = dict[str, list["Address"]]


def names(deleted: Iterable[Address]) -> Names:
    """Give the addresses of what is deleted and may be named elsewhere, by name: all that holds data."""
    found: Names = {}
    for address in deleted:
        if provider.definition(address.provider).kind(address.kind).holds_data:
            found.setdefault(address.name, []).append(address)
    return found


def uses(observed: Observation, names: Names) -> tuple[Use, ...]:
    """Give what a live object names: a value is a name, or several, or holds one as a URL or a flag does."""
    address = observed.address
    where = provider.definition(address.provider).kind(address.kind).mentions
    if not names or not where:
        return ()
    settings = ((path, field.value) for path, field in observed.fields if path[0] in where)
    now = _among(((path, text) for path, value in settings for text in texts_within(value)), names)
    before = _among((each for each in observed.former if each[0][0] in where), names)
    return (*now, *(use._replace(is_former=True) for use in before))


def stays(change: Change | None, use: Use) -> bool:
    """True where a changed value still has the name, as one of several."""
    after = [field.after for field in change.fields if field.path == use.path] if change else []
    return any(use.address.name in _words(text) for value in after for text in texts_within(value))


def of_others(observations: Mapping[str, Observations], names: Names) -> Iterator[tuple[Use, str]]:
    """Give what live objects of others name, and each as a sentence."""
    for each in observations.values():
        for bystander in each.bystanders:
            named = _among(bystander.texts, names) if names else ()
            for use in (*bystander.uses, *named):
                yield use, text(bystander.name, use)


def text(user: str, use: Use) -> str:
    """Say who names it, and where."""
    return f"{user} names it in {'.'.join(use.path)}"


def _among(texts: Iterable[tuple[Path, str]], names: Names) -> Iterator[Use]:
    for path, value in texts:
        for word in _words(value):
            for address in names.get(word, ()):
                yield Use(address, path, is_enforced=False)


def _words(value: str) -> Sequence[str]:
    return list(dict.fromkeys([value, *_BETWEEN.split(value), *_NAME.findall(value)]))
