"""One address of a plan: its symbol, its fields, what they cost, what is written, and what stands in the way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops import provider
from bizops.change import Action, EffectKind
from bizops.render.sensitive import concealment
from bizops.render.style import Style, count_text
from bizops.render.values import UNSET, Values, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.change import Change, Effect, FieldChange, Refusal, Write
    from bizops.resource import Observation

REFUSED, UNMANAGED, DEGRADED, NOTED = "!", "?", "*", "i"
COLOURS = {
    "+": "green",
    "~": "yellow",
    "-/+": "red",
    "-": "red",
    "!": "red",
    "?": "cyan",
    "*": "red",
    "i": "cyan",
}
_BODY = "      "
_DEEPER = "        "
_USERS_NAMED = 3
_REPOSITORY = re.compile(
    r"(?P<repository>\S+/[^\s:@/]+)(?P<version>(?::\S+)?(?: \([0-9a-f]{8}\))?)\Z"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is shown of one address. `source` stands at the right edge, `remark` right of the address."""

    symbol: str
    address: str
    source: str = ""
    remark: str = ""
    body: tuple[str, ...] = ()

    @property
    def group(self) -> tuple[object, ...]:
        """Equal for entries of one kind that say the same, so that it can be said once."""
        if not self.body:
            return (self.symbol, self.address)
        return (self.symbol, self.address.partition("/")[0], self.remark, self.body)


@dataclass(frozen=True, slots=True)
class Writer:
    """Prints changes in one style, with one numbering of hidden values."""

    style: Style
    values: Values
    verbose: bool

    def change_body(
        self, change: Change, refusals: Sequence[Refusal], writes: Sequence[Write]
    ) -> tuple[str, ...]:
        """Give all lines beneath the address."""
        refused = {refusal.why for refusal in refusals}
        lines = self._settings(change, refused) + self._waits(change)
        lines += self._effects(change, refused, is_refused=bool(refusals))
        if change.reason:
            lines += self.style.wrap(printable(change.reason), _BODY)
        lines += self._notes(change)
        for refusal in refusals:
            lines += self._refusal(refusal, change)
        lines += self._writes(writes)
        return tuple(lines)

    def _settings(self, change: Change, refused: set[str]) -> list[str]:
        if change.action is Action.DELETE:
            counts = counts_text(change.observed)
            return self.style.wrap(f"has {counts}", _BODY) if counts else []
        is_new = change.action is Action.CREATE or change.dies_with is not None
        if is_new and change.resource is not None and not self.verbose:
            kind = provider.definition(change.address.provider).kind(change.address.kind)
            summary = kind.summary(change.resource.spec, change.address)
            summary = printable(concealment.words(change, str)(summary))
            return self.style.wrap(summary, _BODY, _DEEPER) if summary else []
        width = max((len(field.name) for field in change.fields), default=0)
        lines = []
        for field in change.fields:
            lines += self._field(change, field, min(width, 30), refused)
        return lines

    def _waits(self, change: Change) -> list[str]:
        """Name the users that must settle first, or who gives up what it takes: where one fails, this is not done."""
        if not change.waits:
            return []
        few = [printable(str(user)) for user in change.waits[:_USERS_NAMED]]
        more = len(change.waits) - len(few)
        listed = f"{', '.join(few)} and {more} more" if more else " and ".join(few)
        verb = "has" if len(change.waits) == 1 else "have"
        what = "settled without it" if change.action is Action.DELETE else "given up what it takes"
        return self.style.wrap(f"waits until {listed} {verb} {what}", _BODY, _DEEPER)

    def _field(
        self, change: Change, field: FieldChange, width: int, refused: set[str]
    ) -> list[str]:
        """Print `message_ttl  1h -> 2h      for messages published from now on`, on as few lines as it takes."""
        if field.pins:
            return self.style.wrap(pin_text(field, self.values), _BODY, _DEEPER)
        name = printable(field.name).ljust(width)
        if change.action is Action.CREATE:
            text = self.values.text(field.after)
        else:
            pair = self.values.sides(field, in_full=self.verbose)
            if field.path[-1] == "image" and not self.verbose:
                pair = self._image(*pair)
            text = " -> ".join(pair)
        if self.verbose and field.origin:
            text += f"   (live value from {printable(field.origin)})"
        said = [_reason(field)] if field.reason and field.reason not in refused else []
        said += [
            effect.text
            for effect in change.effects
            if effect.kind is EffectKind.NOTE and _names(effect, field)
        ]
        said = [printable(text) for text in said if text not in refused]
        line = f"{_BODY}{name}  {text}"
        beside = f"{line}      {'; '.join(said)}"
        if said and len(beside) <= self.style.width:
            return [beside]
        lines = self.style.wrap(f"{name}  {text}", _BODY, _DEEPER)
        return lines + [part for text in said for part in self.style.wrap(text, _DEEPER)]

    def _image(self, before: str, after: str) -> tuple[str, str]:
        """Name a repository that stays the same once, without its registry: `…/workers:1.4.1 -> :1.4.2`."""
        mine, theirs = _REPOSITORY.match(before), _REPOSITORY.match(after)
        if not mine or not theirs or mine["repository"] != theirs["repository"]:
            return before, after
        name = mine["repository"].rpartition("/")[2]
        return f"{self.style.glyph('…')}/{name}{mine['version']}", theirs["version"]

    def _effects(self, change: Change, refused: set[str], *, is_refused: bool) -> list[str]:
        told = {field.reason for field in change.fields} | refused
        lines = []
        for effect in change.effects:
            if effect.kind is EffectKind.DATA_LOSS:
                if is_refused or effect.text in told:
                    continue
                lines += self._coloured(f"LOSES DATA: {_effect(effect)}", "red", "bold")
            elif effect.kind is EffectKind.WARNING:
                lines += self._coloured(f"{self.style.glyph('⚠')} {_effect(effect)}", "yellow")
            elif effect.kind is EffectKind.RESTART:
                lines += self._coloured(_effect(effect), "yellow")
            elif not any(_names(effect, field) for field in change.fields):
                lines += self.style.wrap(_effect(effect), _BODY, _DEEPER)
        return lines

    def _coloured(self, text: str, *colours: str) -> list[str]:
        if not text:
            return []
        return [
            _BODY + self.style.paint(line.removeprefix(_BODY), *colours)
            for line in self.style.wrap(text, _BODY, _DEEPER)
        ]

    def _notes(self, change: Change) -> list[str]:
        lines = self._coloured(printable(change.observed.degraded), "red")
        lines += [part for note in change.observed.notes for part in self._note(note)]
        for field in change.unmanaged:
            text = f"not managed (ignore_changes): {self.difference(field)}"
            lines += self.style.wrap(text, _BODY, _DEEPER)
        return lines

    def _note(self, note: str) -> list[str]:
        return self.style.wrap(printable(note), _BODY, _DEEPER)

    def difference(self, field: FieldChange, *, with_origin: bool = False) -> str:
        """Print both sides without an arrow: `deploy.replicas declared 4, live 6`.

        An origin in more than one word names something, such as a policy; `argument` or `spec` say nothing new.
        """
        declared, live = self.values.pair(field.after, field.before)
        is_undeclared = declared == UNSET or field.default_of
        if is_undeclared:
            live = self.values.text(field.before)
        wanted = "declared nowhere" if is_undeclared else f"declared {declared}"
        there = "live not set" if live == UNSET else f"live {live}"
        origin = f" ({printable(field.origin)})" if with_origin and " " in field.origin else ""
        return f"{printable(field.name)} {wanted}, {there}{origin}"

    def _refusal(self, refusal: Refusal, change: Change) -> list[str]:
        ambiguous = refusal.field and len(change.fields) != 1
        where = f"{refusal.field}: " if ambiguous and refusal.field not in refusal.why else ""
        return self.refusal(f"{where}{refusal.why}", refusal.remedies)

    def refusal(self, why: str, remedies: Sequence[str]) -> list[str]:
        """Print why something is refused, and every way out."""
        lines = self._coloured(f"refused: {refusal_text(why, remedies)}", "red")
        return lines + (self.style.flow(map(printable, remedies), _DEEPER) if remedies else [])

    def _writes(self, writes: Sequence[Write]) -> list[str]:
        lines = []
        for position, write in enumerate(writes):
            lead = "written as  " if position == 0 else " " * 12
            lines.append(f"{_BODY}{lead}{self.write(write)}")
        return lines

    def write(self, write: Write) -> str:
        """Print one write that has no address: `+ policy bizops.…`, and `~` where it is upkeep."""
        symbol = (Action.UPDATE if write.is_upkeep else write.action).value
        return f"{self.style.paint(symbol, COLOURS.get(symbol, 'bold'))} {printable(write.text)}"


def refusal_text(why: str, remedies: Sequence[str]) -> str:
    """Print why something is refused, as the beginning of a list of ways out."""
    offer = {0: "", 1: " Instead:"}.get(len(remedies), " One of:")
    return f"{printable(why)}{'' if why.endswith('.') else '.'}{offer}"


def pin_text(field: FieldChange, values: Values) -> str:
    """Print what is set as it is in force: `pins retention.ms 7d (today the broker's default)`."""
    return printable(f"pins {field.path[-1]} {values.text(field.after)} (today {field.pins})")


def counts_text(observed: Observation) -> str:
    """Print what a live object holds: `3 messages, 0 consumers`."""
    return ", ".join(count_text(number, noun) for noun, number in observed.counts)


def _reason(field: FieldChange) -> str:
    return f"forces replacement: {field.reason}" if field.forces else field.reason


def _names(effect: Effect, field: FieldChange) -> bool:
    return dict(effect.data).get("field") == field.name


def _effect(effect: Effect) -> str:
    live = ", ".join(count_text(number, noun) for noun, number in effect.live)
    return printable(f"{effect.text} ({live})" if live else effect.text)
