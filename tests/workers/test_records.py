"""Whose task a record is (W6), and what a Redis that is full or a replica does to a worker (W5)."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import redis

from workers.configuration.settings import load_settings
from workers.connectivity import Connectivity
from workers.errors import StoreAwayError
from workers.events.envelopes import Event
from workers.protocol.task import Task
from workers.tasks.store import LeaseRequest, Place, TaskStore, Verdict
from workers.tasks.store_script import SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

EVENTS = (Event("ai.completions", "t", '{"x": 1}'),)
HERE = Place("cluster/vhost", "auto_orders")
DEADLINE = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[redis.Redis]:
    """Give a Redis of these tests' own: what fills it, or makes it a replica, would hurt others."""
    image = _docker("inspect", "redis", "--format", "{{.Config.Image}}")
    options = ("--publish", "127.0.0.1::6379", "--rm", "--detach")
    bound = ("redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "")  # noqa: S104 - in a container
    container = _docker("run", *options, image, *bound)
    try:
        port = _docker("port", container, "6379").rpartition(":")[2]
        client = redis.Redis(port=int(port), decode_responses=True)
        until(lambda: _answers(client))
        yield client
        client.close()
    finally:
        _docker("kill", container)


@pytest.fixture(autouse=True)
def _clean(server: redis.Redis) -> None:
    server.replicaof("NO", "ONE")
    server.config_set("maxmemory", 0)
    server.flushall()


@pytest.fixture
def store(server: redis.Redis) -> Iterator[Callable[..., TaskStore]]:
    """Give what makes a store with further settings."""
    made: list[TaskStore] = []

    def make(**settings: str) -> TaskStore:
        given = {"ENGINE": "stub", "REDIS_URL": url(server), "LEASE": "5s", **settings}
        made.append(TaskStore(load_settings(given), Connectivity(["redis"])))
        return made[-1]

    yield make
    for each in made:
        each.close()


class OlderWorker:
    """What a worker from before namespaces does: the same script, with the old name of the record alone."""

    def __init__(self, server: redis.Redis) -> None:
        self._script = server.register_script(SOURCE)

    def begin(self, claim: LeaseRequest) -> str:
        digest = task(claim).digest
        arguments = ["begin", "old", digest, str(claim.replays), str(claim.attempt)]
        found = self._ask(claim, *arguments, "0", "5000", "3", "60000")
        return str(found[0])

    def complete(self, claim: LeaseRequest) -> None:
        self._ask(claim, "complete", "old", json.dumps([["ai.completions", "t", "{}"]]), "60000")

    def _ask(self, claim: LeaseRequest, *arguments: str) -> Any:
        return self._script(keys=[claim.place.old_key(claim.task_id)], args=arguments)


def url(server: redis.Redis) -> str:
    return f"redis://127.0.0.1:{server.connection_pool.connection_kwargs['port']}/0"


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.1)


def claim(place: Place = HERE, owner: str = "a", task_id: str = "") -> LeaseRequest:
    return LeaseRequest(place, task_id or f"task-{uuid.uuid4()}", owner, replays=0, attempt=1)


def task(claim: LeaseRequest) -> Task:
    return Task(claim.task_id, "do", "that")


def begin(store: TaskStore, claim: LeaseRequest) -> Verdict:
    return store.begin(claim, task(claim), is_redelivered=False).verdict


def test_w6_one_id_in_two_vhosts_is_two_tasks(store: Callable[..., TaskStore]) -> None:
    worker = store(WORKER_OLD_RECORDS="ignore")
    mine = claim(Place("cluster/a", "auto_orders"), task_id="t")
    begin(worker, mine)
    worker.complete(mine, EVENTS)

    assert begin(worker, claim(Place("cluster/b", "auto_orders"), task_id="t")) is Verdict.RUN


@pytest.mark.parametrize(
    ("namespace", "cluster", "expected"),
    [
        ("", "rabbit@one", "bizops:workers:record:rabbit@one/a%3Ab:auto_orders:t"),
        ("fleet 1", "rabbit@one", "bizops:workers:record:fleet%201:auto_orders:t"),
    ],
)
def test_w6_a_record_names_the_cluster_and_the_vhost_or_what_is_set(
    namespace: str, cluster: str, expected: str
) -> None:
    given = {"ENGINE": "stub", "RABBITMQ_VHOST": "a:b", "RECORD_NAMESPACE": namespace}

    assert Place.of(load_settings(given), cluster, "auto_orders").key("t") == expected


def test_w6_nothing_is_begun_while_old_records_are_there_and_nobody_said_what_of_them(
    store: Callable[..., TaskStore], server: redis.Redis
) -> None:
    OlderWorker(server).begin(claim())
    worker = store()

    assert worker.look()
    with pytest.raises(StoreAwayError, match="not known yet"):
        begin(worker, claim())


def test_w6_a_worker_that_finds_old_records_does_not_start_and_says_what_to_choose(
    site: Any, server: redis.Redis
) -> None:
    OlderWorker(server).begin(claim())
    place = {"REDIS_URL": url(server), "ENGINE": "stub", "HEALTH_PORT": "0"}

    said = site.run("order", **place, WORKER_OLD_RECORDS="")

    assert said.code == 1
    (line,) = said.err.splitlines()
    assert line.startswith("error: WORKER_OLD_RECORDS: must be set")


def test_w6_who_shares_sees_what_older_workers_do_and_they_see_what_it_does(
    store: Callable[..., TaskStore], server: redis.Redis
) -> None:
    older, worker = OlderWorker(server), store(WORKER_OLD_RECORDS="share")
    theirs, mine = claim(), claim()

    assert older.begin(theirs) == "run"
    assert begin(worker, theirs) is Verdict.LEASED
    older.complete(theirs)
    assert begin(worker, theirs) is Verdict.RESULT

    assert begin(worker, mine) is Verdict.RUN
    assert older.begin(mine) == "leased"
    worker.complete(mine, EVENTS)
    assert older.begin(mine) == "result"


def test_w6_who_shares_and_who_ignores_see_each_other(store: Callable[..., TaskStore]) -> None:
    """The fleet goes on from one to the other one by one, too."""
    sharing, ignoring = store(WORKER_OLD_RECORDS="share"), store(WORKER_OLD_RECORDS="ignore")
    first, second = claim(), claim()

    assert begin(sharing, first) is Verdict.RUN
    assert begin(ignoring, first) is Verdict.LEASED
    assert begin(ignoring, second) is Verdict.RUN
    assert begin(sharing, second) is Verdict.LEASED
    ignoring.complete(second, EVENTS)
    assert begin(sharing, second) is Verdict.RESULT


def test_w6_a_start_is_counted_once_under_both_names(
    store: Callable[..., TaskStore], server: redis.Redis
) -> None:
    worker, wanted = store(WORKER_OLD_RECORDS="share"), claim()

    begin(worker, wanted)

    names = wanted.key, wanted.place.old_key(wanted.task_id)
    assert [server.hget(name, "starts") for name in names] == ["1", "1"]


@pytest.mark.parametrize(
    ("state", "words"),
    [("full", "it refuses: command not allowed when used memory"), ("a replica", "it refuses: ")],
)
def test_w5_a_redis_that_refuses_to_write_is_away_until_it_takes_a_write(
    store: Callable[..., TaskStore], server: redis.Redis, state: str, words: str
) -> None:
    """It answers reads all the time, and is not called there and away by turns."""
    worker = store(WORKER_OLD_RECORDS="ignore")
    assert not worker.look()
    if state == "full":
        server.config_set("maxmemory", 1)
    else:
        server.replicaof("127.0.0.1", 1)

    with pytest.raises(StoreAwayError, match=words):
        begin(worker, claim())
    for _ in range(3):
        time.sleep(1.1)
        worker.look()
        assert worker.is_away

    server.config_set("maxmemory", 0)
    server.replicaof("NO", "ONE")
    time.sleep(1.1)
    worker.look()
    assert begin(worker, claim()) is Verdict.RUN


def test_w5_a_worker_says_once_that_redis_is_full_and_goes_on(
    site: Any, worker: Callable[..., subprocess.Popen[str]], server: redis.Redis
) -> None:
    server.config_set("maxmemory", 1)
    worker("order", REDIS_URL=url(server))
    for number in range(5):
        assert site.run("submit", "order", "--description", f"{number}").code == 0
    until(lambda: _lines(site).count("task_answered") == 5)

    server.config_set("maxmemory", 0)
    until(lambda: "connected" in _lines(site)[-3:] and _says(site, "redis", "connected"))

    assert sum("maxmemory" in line.get("redis", "") for line in _log(site)) == 1


def _log(site: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (site.folder / "order-0.log").read_text().splitlines()]


def _lines(site: Any) -> list[str]:
    return [line["event"] for line in _log(site)]


def _says(site: Any, system: str, event: str) -> bool:
    return any(line["event"] == event and system in line.get("systems", ()) for line in _log(site))


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
