"""What can be configured, all of it by environment variables, `.env`, or Docker secrets files (`<NAME>_FILE`)."""

from __future__ import annotations

import dataclasses
import itertools
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.configuration.endpoints import (
    api_key,
    authorities,
    brokers,
    host,
    http_url,
    kafka_authorities,
    passwords,
    queue_name,
    redis_url,
    vhost,
)
from workers.configuration.environment import find, read_environment
from workers.configuration.values import (
    DAY,
    Seconds,
    Secret,
    Size,
    choice,
    flag,
    model,
    number,
    port,
    price,
    seconds,
    size,
    text,
)
from workers.errors import SettingsError
from workers.redaction import Redactor, redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from workers.configuration.values import Price

STOP_SECONDS = 3.0
"""What a stop keeps of the grace period for itself: flush Kafka, hand back what runs, close."""
LONGEST = 36500 * DAY
"""Seconds that a task or its result may be kept: Redis counts milliseconds in 64 bits from 1970 on."""
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""Those of SASL that take a user and a password."""


def _setting(parse: Callable[[str], Any], default: Any, meaning: str) -> Any:  # noqa: ANN401 - as dataclasses.field
    return dataclasses.field(default=default, metadata={"parse": parse, "meaning": meaning})


@dataclass(frozen=True)
class Settings:
    """All settings of a worker; times in seconds, sizes in bytes.

    Secrets are `Secret` values, which print as `(hidden)`.
    """

    agents: str = _setting(
        text, "", "agents of your own: PACKAGE.MODULE:CLASS, with commas between; see --list"
    )
    queue_name: str = _setting(queue_name, "", "the queue to work on; the agent's own where unset")
    concurrency: int = _setting(number(1, 64), 1, "how many tasks run at a time, and the prefetch")
    engine: str = _setting(choice("crewai", "stub"), "crewai", "what runs the agents: crewai, stub")
    stub_seconds: Seconds = _setting(
        seconds(0), Seconds(0), "how long the stub engine takes for a task"
    )

    rabbitmq_host: str = _setting(host, "localhost", "RabbitMQ's host")
    rabbitmq_port: int = _setting(port, 5672, "RabbitMQ's AMQP port")
    rabbitmq_vhost: str = _setting(vhost, "/", "the vhost")
    rabbitmq_user: str = _setting(text, "guest", "the user")
    rabbitmq_pass: Secret = _setting(Secret, Secret("guest"), "its password")
    rabbitmq_tls: bool = _setting(flag, False, "speak TLS")  # noqa: FBT003 - the default of a setting
    rabbitmq_ca_file: str = _setting(
        authorities, "", "the certificate authority; the system's where unset"
    )
    heartbeat: int = _setting(number(5, 600), 30, "seconds between AMQP heartbeats")

    kafka_bootstrap_servers: str = _setting(brokers, "localhost:9092", "Kafka's brokers")
    kafka_security_protocol: str = _setting(
        choice("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
        "plaintext",
        "librdkafka's security.protocol",
    )
    kafka_sasl_mechanism: str = _setting(
        choice(*MECHANISMS, "OAUTHBEARER", "GSSAPI"), "", "librdkafka's sasl.mechanism"
    )
    kafka_sasl_username: str = _setting(text, "", "librdkafka's sasl.username")
    kafka_sasl_password: Secret = _setting(Secret, Secret(), "librdkafka's sasl.password")
    kafka_ssl_ca_location: str = _setting(kafka_authorities, "", "librdkafka's ssl.ca.location")
    event_timeout: Seconds = _setting(
        seconds(1, DAY), Seconds(10), "how long Kafka may take to report an event as delivered"
    )

    redis_url: Secret = _setting(
        redis_url,
        Secret("redis://localhost:6379/0"),
        "Redis: redis:// or rediss://, with user and password",
    )
    result_ttl: Seconds = _setting(
        seconds(60, LONGEST),
        Seconds(86400),
        "how long a result is kept, so that its task is not paid for again",
    )

    record_namespace: str = _setting(
        text,
        "",
        "whose tasks they are in Redis; RabbitMQ's cluster name and the vhost where unset",
    )
    worker_old_records: str = _setting(
        choice("share", "ignore"),
        "",
        "what to do with records of workers of 0.1.0, which name no vhost: share, ignore",
    )

    llm_model: str = _setting(
        model, "openai/gpt-4o-mini", "the model: openai/NAME or anthropic/NAME"
    )
    llm_base_url: str = _setting(
        http_url, "", "where the provider's API is; its own address where unset"
    )
    openai_api_key: Secret = _setting(api_key, Secret(), "the key for openai/ models")
    anthropic_api_key: Secret = _setting(api_key, Secret(), "the key for anthropic/ models")
    llm_price: Price | None = _setting(
        price,
        None,
        "USD per million tokens, prompt/completion, such as 0.15/0.60; no cost where unset",
    )
    llm_max_tokens: int = _setting(
        number(1, 1_000_000), 4096, "the longest answer of a model, in tokens"
    )
    llm_timeout: Seconds = _setting(
        seconds(1), Seconds(60), "how long one request to a model may take"
    )
    soft_time_limit: Seconds = _setting(
        seconds(1),
        Seconds(150),
        "after this no further request begins, and the task is tried again",
    )
    hard_time_limit: Seconds = _setting(
        seconds(1),
        Seconds(180),
        "a run beyond this cannot be stopped but with the process, which then restarts",
    )
    stop_grace_period: Seconds = _setting(
        seconds(4), Seconds(210), "as in the service: how long a stop may take until it is a kill"
    )

    task_ttl: Seconds = _setting(
        seconds(0, LONGEST),
        Seconds(0),
        "tasks older than this are dead-lettered; as the queue's message_ttl, 0 is never",
    )
    max_body: Size = _setting(
        size, Size(1 << 20), "the largest message that is read, such as 256KiB"
    )
    max_attempts: int = _setting(number(1, 100), 5, "tries before a task is dead-lettered")
    max_starts: int = _setting(
        number(1, 100), 3, "runs that never ended before a task is dead-lettered as poison"
    )
    lease: Seconds = _setting(
        seconds(2),
        Seconds(30),
        "how long a task stays reserved for a worker that no longer says so",
    )
    breaker_failures: int = _setting(
        number(1, 1000), 5, "failures of the provider in a row after which nothing is consumed"
    )
    breaker_pause: Seconds = _setting(
        seconds(0),
        Seconds(15),
        "how long the first such pause takes; each further one twice as long, at most 5m",
    )

    health_host: str = _setting(host, "127.0.0.1", "where /livez, /readyz and /metrics listen")
    health_port: int = _setting(number(0, 65535), 8080, "their port; 0 takes any free one")
    log_level: str = _setting(
        choice("debug", "info", "warning", "error"), "info", "debug, info, warning, error"
    )

    def secrets(self) -> list[str]:
        """Give the texts that must never be shown: every secret that is set, and the password in a URL."""
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        found = [value.reveal() for value in values if isinstance(value, Secret) and value]
        return _with_passwords(found, self.llm_base_url)

    def redactor(self) -> Redactor:
        """Give what hides them."""
        return redactor(tuple(self.secrets()))

    def faults(self) -> list[str]:
        """Say what does not fit together, with the variables' names and never their values."""
        limits = ("llm_timeout", "soft_time_limit", "hard_time_limit")
        found = [
            f"{shorter.upper()} must be below {longer.upper()}"
            for shorter, longer in itertools.pairwise(limits)
            if getattr(self, shorter) >= getattr(self, longer)
        ]
        if self.hard_time_limit > self.stop_grace_period - STOP_SECONDS:
            found.append(
                f"HARD_TIME_LIMIT must be at least {STOP_SECONDS:g}s below STOP_GRACE_PERIOD"
            )
        if self.task_ttl and self.result_ttl < self.task_ttl:
            found.append("RESULT_TTL must not be below TASK_TTL: a task could outlive its result")
        return found + self._sasl_faults()

    def _sasl_faults(self) -> list[str]:
        """Say what librdkafka needs for SASL and is not set: it would refuse to make a client."""
        if not self.kafka_security_protocol.startswith("sasl"):
            return []
        needed = ["kafka_sasl_mechanism"]
        if self.kafka_sasl_mechanism in MECHANISMS:
            needed = ["kafka_sasl_username", "kafka_sasl_password"]
        return [
            f"{name.upper()} is needed where KAFKA_SECURITY_PROTOCOL is sasl_plaintext or sasl_ssl"
            for name in needed
            if not getattr(self, name)
        ]

    def key_faults(self) -> list[str]:
        """Say which key is missing for the model; only who runs agents needs one."""
        key = "anthropic_api_key" if self.llm_model.startswith("anthropic/") else "openai_api_key"
        if self.engine == "crewai" and not getattr(self, key):
            return [
                f"{key.upper()} (or {key.upper()}_FILE) is needed for the model that LLM_MODEL names"
            ]
        return []


FIELDS = {field.name.upper(): field for field in dataclasses.fields(Settings)}


def load_settings(
    environment: Mapping[str, str], dotenv: Path | None = None, *, runs_agents: bool = True
) -> Settings:
    """Read the settings; an empty value counts as unset. The environment beats `dotenv`, which may not exist.

    Who only publishes tasks or looks at dead letters says `runs_agents=False`, and needs no key for a model.

    Raises SettingsError with every fault at once: a value that is none, a file that cannot be read, a variable given
    both as itself and as `_FILE`, and limits that do not fit together.
    """
    given = read_environment(environment, dotenv)
    faults: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, field in FIELDS.items():
        try:
            content = find(name, given)
            if content:
                values[field.name] = field.metadata["parse"](content)
        except ValueError as error:
            faults[name] = f"{name}: {error}"
    settings = Settings(**values)
    others = settings.faults() + (settings.key_faults() if runs_agents else [])
    # What has a fault of its own has its default here, which fits together with nothing that was meant.
    others = [fault for fault in others if not any(name in fault for name in faults)]
    if found := [*faults.values(), *others]:
        raise SettingsError(found)
    return settings


def find_setting(name: str, environment: Mapping[str, str], dotenv: Path | None) -> str:
    """Give the text of one setting as `load_settings` would find it; raises SettingsError."""
    try:
        return find(name, read_environment(environment, dotenv))
    except ValueError as error:
        raise SettingsError([f"{name}: {error}"]) from None


def find_redactor(environment: Mapping[str, str], dotenv: Path | None) -> Redactor:
    """Give what hides the secrets that are set, also where the settings have faults; raises nothing."""
    given = dict(environment)
    with suppress(SettingsError):
        given = read_environment(environment, dotenv)
    found = []
    for name in (name for name, field in FIELDS.items() if isinstance(field.default, Secret)):
        found.append(given.get(name, "").strip())
        with suppress(ValueError):
            found.append(find(name, given))
    return redactor(tuple(_with_passwords(found, given.get("LLM_BASE_URL", ""))))


def _with_passwords(secrets: Iterable[str], base_url: str) -> list[str]:
    found = [*secrets]
    return [*found, *(password for url in (*found, base_url) for password in passwords(url))]
