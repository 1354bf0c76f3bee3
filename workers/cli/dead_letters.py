"""`python -m workers tasks dlq list|show|replay|drop`.

Documents of `--format json`, all with `format_version` "1.0":

    list     queues: [{queue, dead_letters}], the count of each; dead_letters: [LETTER], at most --limit of each queue
    show     dead_letters: [LETTER + {headers, properties, body}], several where one id died more than once
    replay   queue, replayed: [ID], unknown: [ID]
    drop     queue, dropped: [ID], unknown: [ID]

A LETTER has queue (the work queue), id, reason, error_class, error, attempts, replays, worker, dead_lettered_at
(RFC 3339), age_seconds and trace_id; texts are empty, and age_seconds null, where nothing says so.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import os
from typing import TYPE_CHECKING, Any

from workers import logs
from workers.agents import EVENTS, known_agents, load_agent, load_agents
from workers.amqp.publisher import NAME, Publisher
from workers.cli import console, showing
from workers.client import unknown_agent
from workers.configuration.environment import default_dotenv
from workers.configuration.settings import Settings, load_settings
from workers.connectivity import Connectivity
from workers.errors import QueueReadError, WorkersError
from workers.protocol.queues import OUTBOX
from workers.tasks.dead_letters import DeadLetters, LetterFilter, drop, replay
from workers.tasks.store import TaskStore

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from workers.tasks.dead_letters import DeadLetter

CONNECT_TIMEOUT = 10.0


def show_list(chosen: argparse.Namespace) -> int:
    """Show how many dead letters there are, and which."""
    queues = _queues(chosen.agents) if chosen.agents else _all_queues()
    counts: dict[str, int] = {}
    found: list[DeadLetter] = []
    code = console.OK
    with DeadLetters(_settings()) as letters:
        for queue in queues:
            try:
                counts[queue] = letters.count(queue)
                with contextlib.closing(letters.scan(queue)) as scanned:
                    wanted = filter(LetterFilter(reason=chosen.reason).takes, scanned)
                    found += itertools.islice(wanted, chosen.limit)
            except QueueReadError as error:
                console.error(str(error))
                code = console.ERROR
    if chosen.format == "json":
        sizes = [{"queue": queue, "dead_letters": count} for queue, count in counts.items()]
        console.print_json(_document(queues=sizes, dead_letters=[each.to_json() for each in found]))
    else:
        showing.print_list(counts, found)
    return code


def show_one(chosen: argparse.Namespace) -> int:
    """Show everything about the dead letters of one id."""
    (queue,) = _queues([chosen.agent])
    seen: set[str] = set()
    found = []
    with DeadLetters(_settings()) as letters, contextlib.closing(letters.scan(queue)) as scanned:
        for letter in scanned:
            seen.add(letter.task_id)
            if letter.task_id == chosen.id:
                found.append(letter)
    if not found:
        return _unknown(queue, [chosen.id], seen)
    if chosen.format == "json":
        console.print_json(_document(dead_letters=[showing.describe(letter) for letter in found]))
    else:
        for letter in found:
            showing.print_letter(letter)
    return console.OK


def replay_chosen(chosen: argparse.Namespace) -> int:
    """Put dead letters back to work."""
    choice, settings = _choice(chosen), _settings()
    publisher = Publisher(settings, Connectivity([NAME]))
    publisher.start()
    try:
        publisher.wait(CONNECT_TIMEOUT)
        with DeadLetters(settings) as letters:
            return _each(
                chosen, choice, letters, "replayed", lambda each: replay(letters, each, publisher)
            )
    finally:
        publisher.close(timeout=1)


def drop_chosen(chosen: argparse.Namespace) -> int:
    """Remove dead letters for good, once a person has said so."""
    choice, settings = _choice(chosen), _settings()
    store = TaskStore(settings, Connectivity(["redis"]))
    kept: list[str] = []

    def remove(letter: DeadLetter) -> None:
        if why := drop(letters, letter, store):
            kept.append(why)

    if not chosen.yes:
        choice = _agreed(chosen, choice, settings)
    with contextlib.closing(store), DeadLetters(settings) as letters:
        code = _each(chosen, choice, letters, "dropped", remove)
    if kept:
        console.warn(
            f"Redis is away ({kept[0]}): of {len(kept)} tasks the record stays, "
            "so workers may take the same id for an old copy until RESULT_TTL is over"
        )
    return code


def _each(
    chosen: argparse.Namespace,
    choice: LetterFilter,
    letters: DeadLetters,
    done: str,
    act: Callable[[DeadLetter], None],
) -> int:
    """Do something to each chosen dead letter, and say to which; what was done before an error is said too."""
    (queue,) = _queues([chosen.agent])
    seen: set[str] = set()
    ids: list[str] = []
    code = console.OK
    try:
        with contextlib.closing(letters.scan(queue)) as scanned:
            for letter in scanned:
                seen.add(letter.task_id)
                if choice.takes(letter):
                    act(letter)
                    ids.append(letter.task_id)
    except WorkersError as error:
        console.error(str(error))
        code = console.ERROR
    unknown = [each for each in dict.fromkeys(chosen.ids) if each not in ids] if not code else []
    if chosen.format == "json":
        console.print_json(_document(queue=queue, **{done: ids, "unknown": unknown}))
    else:
        for each in ids:
            print(console.plain(each))
    console.tell(f"{len(ids)} {done}, {queue}.dlq")
    return _unknown(queue, unknown, seen) if unknown else code


def _agreed(chosen: argparse.Namespace, choice: LetterFilter, settings: Settings) -> LetterFilter:
    """Ask whether what is chosen now may go, and give exactly that; raises WorkersError where it may not.

    Nothing is held while a person thinks.
    """
    (queue,) = _queues([chosen.agent])
    with DeadLetters(settings) as letters, contextlib.closing(letters.scan(queue)) as scanned:
        among = [letter.identity for letter in scanned if choice.takes(letter)]
    if among and not console.ask(f"Remove {len(among)} dead letters of {queue} for good?"):
        message = "nothing was dropped; without a person to ask, --yes says so"
        raise WorkersError(message)
    return LetterFilter(choice.ids, choice.reason, frozenset(among))


def _choice(chosen: argparse.Namespace) -> LetterFilter:
    if bool(chosen.ids) == chosen.all:
        message = "give the ids, or --all; --reason narrows both down"
        raise WorkersError(message)
    return LetterFilter(frozenset(chosen.ids) if chosen.ids else None, chosen.reason)


def _settings() -> Settings:
    logs.silence_pika()
    return load_settings(os.environ, default_dotenv(), runs_agents=False)


def _queues(agents: Iterable[str]) -> list[str]:
    """Give the agents' queues; raises WorkersError for all that are none."""
    names = list(dict.fromkeys(agents))
    if faults := [unknown_agent(name) for name in names if name not in {*known_agents(), EVENTS}]:
        raise WorkersError("; ".join(faults))
    return [OUTBOX if name == EVENTS else load_agent(name).queue for name in names]


def _all_queues() -> list[str]:
    """Give the queues of all agents, without those whose package is broken, and of the events."""
    agents, faults = load_agents()
    for fault in faults:
        console.warn(fault)
    return [*(agent.queue for agent in agents.values()), OUTBOX]


def _unknown(queue: str, ids: Iterable[str], seen: Iterable[str]) -> int:
    """Say which ids there are none of, and what they may have meant."""
    for each in ids:
        near = difflib.get_close_matches(each, sorted(seen), n=3)
        hint = f"; the nearest: {', '.join(near)}" if near else ""
        console.error(f"{queue}.dlq has no {each}{hint}")
    return console.ERROR


def _document(**content: object) -> dict[str, Any]:
    return {"format_version": console.FORMAT_VERSION, **content}
