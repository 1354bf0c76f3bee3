"""All drills, as data: the tasks, the harm, and what the harm excuses."""

from __future__ import annotations

from drills import harms, rounds
from drills.drill import Drill
from drills.harms import SHORT_GRACE
from drills.ledger import Step
from drills.scene import Batch

OLDER = "0b6d90934b84dbb35d6c488bb76f7a9e88811e6c"
"""Workers of 0.1.0, whose records name no vhost."""
DIE = Step("die")
LONG = Step(seconds=3)
FEW = Batch(count=6)
SHORT_LIMITS = {
    "SOFT_TIME_LIMIT": "2s",
    "HARD_TIME_LIMIT": "3s",
    "STOP_GRACE_PERIOD": f"{SHORT_GRACE:g}s",
}
STICK = Step("stick", seconds=0)
HALF_A_CHARACTER = rb'{"id": "\ud83d", "description": "a", "expected_output": "b"}'
"""JSON may hold what no text is: the first half of a character that takes two in UTF-16."""

WORKERS = (
    Drill(
        "kill -9 in mid-task",
        "the process in which a task runs is killed",
        (Batch((LONG,), runs=2), FEW),
        harms.kill_worker,
        is_short=True,
    ),
    Drill(
        "kill -9 between result and event",
        "processes are killed right before and right after the event of a stored result",
        (Batch((Step("die_untold"),)), Batch((Step("die_told"),)), FEW),
        is_short=True,
    ),
    Drill(
        "kill -9 again and again",
        "every second for 10 s, a process in mid-task",
        # More than four workers can do in that time: each kill has to find a task in its first run.
        (Batch((Step(seconds=0.8),), count=60, runs=3),),
        harms.kill_workers_again_and_again,
        workers=4,
    ),
    Drill(
        "poison message",
        "a task that kills its process each time",
        (Batch((DIE,), end="poison", runs=3), FEW),
        settings={"LEASE": "2s"},
        patience=60,
    ),
    Drill(
        "hard time limit",
        "a run that nothing ends but the end of its process, once and each time",
        (Batch((STICK, Step()), runs=2), Batch((STICK,), end="poison", runs=3), FEW),
        settings={"LEASE": "2s", **SHORT_LIMITS},
        patience=90,
    ),
    Drill(
        "SIGTERM in mid-task",
        "its task ends within the grace, what waits is another's; exit code 0",
        (Batch((LONG,)), FEW),
        harms.stop_worker,
        is_short=True,
    ),
    Drill(
        "SIGTERM, task longer than the grace",
        "a run that never ends; the process goes within its grace, with 0",
        (Batch((STICK, Step()), runs=2), FEW),
        harms.stop_stuck_worker,
        settings=SHORT_LIMITS,
    ),
    Drill(
        "SIGTERM, cut off from RabbitMQ",
        "nothing comes through; the process goes within its grace, with 0",
        (Batch((Step(seconds=1),)), FEW),
        harms.stop_worker_that_is_cut_off,
        settings={**SHORT_LIMITS, "HEARTBEAT": "30"},
    ),
    Drill(
        "second SIGTERM",
        "the process goes at once, in mid-task",
        (Batch((LONG,), runs=2), FEW),
        harms.stop_worker_at_once,
        is_short=True,
    ),
    Drill(
        "rolling update",
        "all workers are replaced one by one under load",
        (Batch((Step(seconds=0.4),), count=40),),
        harms.replace_workers,
        workers=3,
        is_short=True,
    ),
    Drill(
        "SIGSTOP for longer than lease and heartbeat",
        "before an answer, before a failure, with the result stored, with the event on the way; another worker "
        "completes the task, dead-letters it, or puts it back for a later attempt",
        (
            Batch((Step("freeze"), Step()), runs=2, overlaps=True),
            Batch((Step("freeze_and_fail"), Step()), runs=2, overlaps=True),
            Batch((Step("freeze_and_fail"), Step("400")), end="permanent", runs=2, overlaps=True),
            Batch((Step("freeze_and_fail"), Step("500"), Step()), runs=3, overlaps=True),
            Batch((Step("freeze_untold"),)),
            Batch((Step("freeze_sent"),)),
        ),
        harms.freeze_workers,
        workers=6,
        patience=60,
    ),
    Drill(
        "workers of 0.1.0 are upgraded one by one",
        "with 1,000 tasks in flight; at each step every connection breaks, and others get what runs already",
        (Batch((Step(seconds=0.5),), count=1000),),
        harms.upgrade_workers,
        settings={"CONCURRENCY": "8", "WORKER_OLD_RECORDS": "share"},
        workers=4,
        older=OLDER,
        patience=180,
    ),
    Drill(
        "read-only root",
        "the image, its root read-only; CrewAI's agents and a stub of a model, nothing of the drills'",
        (Batch((Step("think", seconds=0),), count=6),),
        settings={"ENGINE": "crewai", "LLM_TIMEOUT": "10s"},
        is_in_image=True,
        patience=60,
    ),
)

MESSAGES = (
    Drill(
        "duplicate publish",
        "each task is published twice at once, and again when it is completed",
        (Batch((Step(seconds=1),), count=4, copies=2),),
        harms.publish_again,
        is_short=True,
    ),
    Drill(
        "same id, other content",
        "other tasks under the ids of these, while they run and when they are completed",
        (Batch((Step(seconds=1),), count=2),),
        harms.publish_other_content,
        is_short=True,
    ),
    Drill(
        "older than its TTL, and begun before",
        "redelivered after TASK_TTL: while its run goes on, and with its result stored",
        (Batch((Step(seconds=5),)), Batch((Step("die_untold", seconds=4),))),
        harms.reset_connections_late,
        settings={"TASK_TTL": "3s"},
        workers=4,
    ),
    Drill(
        "bad messages",
        "expired, no JSON, no UTF-8, no Unicode, bad schema, oversized",
        (
            Batch(end="expired", runs=0, age=7200),
            Batch(end="invalid", runs=0, body=b"{"),
            Batch(end="invalid", runs=0, body=b""),
            Batch(end="invalid", runs=0, body=b"\xff\xfe"),
            Batch(end="invalid", runs=0, body=b'{"description": 1, "context": []}'),
            Batch(end="invalid", runs=0, body=b"[" * 50_000),
            Batch(end="invalid", runs=0, body=HALF_A_CHARACTER),
            Batch(end="invalid", runs=0, body=b'{"id": "x' + b"x" * 100_000 + b'"}'),
            FEW,
        ),
        settings={"MAX_BODY": "64KiB"},
        is_short=True,
    ),
)

PROVIDER = (
    Drill(
        "429, 500, a hang, 401, 400",
        "one each, then an answer; 401 and 400 are for good, and so is a 500 that stays",
        (
            Batch((Step("429", retry_after=1), Step()), runs=2),
            Batch((Step("500"), Step()), runs=2),
            Batch((Step("hang"), Step()), runs=2),
            Batch((Step("401"),), end="permanent"),
            Batch((Step("400"),), end="permanent"),
            Batch((Step("500"),), end="exhausted", runs=3),
            FEW,
        ),
        settings={"BREAKER_FAILURES": "1000", "MAX_ATTEMPTS": "3"},
        is_short=True,
    ),
    Drill(
        "provider down for 10 s",
        "500 for everybody; the breaker opens, and no task runs out of its 3 attempts",
        (Batch(count=8, runs=8),),
        harms.bring_provider_down,
        settings={"BREAKER_FAILURES": "2", "MAX_ATTEMPTS": "3"},
    ),
    Drill(
        "tasks that the provider does not take",
        "the first two meet a 500 until all others, behind them, are completed",
        (Batch((Step("500"),), count=2, runs=20), FEW),
        harms.take_the_first_two_last,
        settings={"BREAKER_FAILURES": "2", "MAX_ATTEMPTS": "20"},
        workers=1,
    ),
)

RABBITMQ = (
    Drill(
        "connections reset in mid-task",
        "every connection to RabbitMQ breaks; tasks complete, fail for now, and fail for good meanwhile",
        (
            Batch((Step(seconds=2),)),
            Batch((Step("500", seconds=2), Step()), runs=2),
            Batch((Step("401", seconds=2),), end="permanent"),
            FEW,
        ),
        harms.reset_connections,
        workers=6,
        is_short=True,
    ),
    Drill(
        "network cut for 20 s",
        "nothing comes through to or from RabbitMQ, and nobody is told; four tasks at a time in each worker",
        (Batch((LONG,)), Batch((Step("500", seconds=3), Step()), count=5, runs=2), FEW),
        harms.cut_network,
        settings={"CONCURRENCY": "4"},
    ),
    Drill(
        "queue deleted under the consumers",
        "while its tasks run; declared again after 3 s",
        (Batch((Step(seconds=2),), count=2),),
        harms.delete_queue,
        is_short=True,
    ),
    Drill(
        "RabbitMQ restarted in mid-task",
        "in order, with tasks in runs, queue and tiers",
        (Batch((LONG,)), Batch((Step("500"), Step()), count=4, runs=2), FEW),
        harms.restart_rabbitmq,
        patience=90,
    ),
    Drill(
        "RabbitMQ killed in mid-task",
        "kill -9; started after 5 s",
        (Batch((LONG,)), Batch((Step("500"), Step()), count=4, runs=2), FEW),
        harms.kill_rabbitmq,
        patience=90,
    ),
    Drill(
        "RabbitMQ killed behind a retry",
        "kill -9 when tasks are back from their tier, and wait for a worker; started after 5 s",
        (
            Batch((Step("500", seconds=0), Step()), count=6, runs=2),
            Batch((Step(seconds=12),), count=2),
        ),
        harms.kill_rabbitmq_behind_a_retry,
        patience=90,
    ),
    Drill(
        "memory alarm",
        "RabbitMQ blocks all who publish, for 15 s",
        (Batch((Step("500", seconds=2), Step()), count=2, runs=2), FEW),
        harms.raise_memory_alarm,
        patience=120,
    ),
)

STORES = (
    Drill(
        "Kafka paused for 60 s",
        "all brokers; a worker is killed meanwhile",
        (Batch((Step("500", seconds=2), Step()), count=2, runs=2), FEW),
        harms.pause_kafka,
        patience=90,
    ),
    Drill(
        "Redis killed in mid-task",
        "kill -9; started after 10 s",
        (Batch((LONG,)), Batch((Step("500"), Step()), runs=2), FEW),
        harms.kill_redis,
    ),
    Drill(
        "Redis away, and a poison message",
        "one extra try, then a dead letter",
        (FEW,),
        harms.kill_redis_for_good,
        patience=60,
    ),
)

ALL = (
    Drill(
        "one harm after another",
        "kill a worker and RabbitMQ, break all connections, pause a broker of Kafka; twice, in any order",
        (
            Batch((Step("500"), Step(seconds=1)), count=60, runs=20),
            Batch((Step(seconds=1.5),), count=150, runs=20),
        ),
        rounds.break_one_after_another,
        settings={"BREAKER_FAILURES": "1000"},
        workers=rounds.WORKERS,
        patience=180,
    ),
)

DRILLS = (*WORKERS, *MESSAGES, *PROVIDER, *RABBITMQ, *STORES, *ALL)
