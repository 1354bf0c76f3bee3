from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from workers.cli.explaining import describe_settings
from workers.configuration.settings import FIELDS, find_redactor, load_settings
from workers.configuration.values import Price, Seconds, Secret
from workers.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

KEY = {"OPENAI_API_KEY": "sk-made-up"}


def faults_of(environment: dict[str, str], dotenv: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment, dotenv)
    return caught.value.faults


def test_every_fault_comes_at_once_with_its_name_and_without_its_value() -> None:
    wrong = {
        **KEY,
        "CONCURRENCY": "0",
        "RABBITMQ_PORT": "fifty",
        "KAFKA_BOOTSTRAP_SERVERS": "no-port-here",
        "LLM_MODEL": "gpt-4o",
        "LLM_TIMEOUT": "30",
        "RABBITMQ_TLS": "maybe-value",
        "ENGINE": "magic-value",
        "MAX_BODY": "much-value",
        "LLM_PRICE": "cheap-value",
    }

    faults = faults_of(wrong)

    assert sorted(fault.split(":")[0] for fault in faults) == sorted(set(wrong) - set(KEY))
    for value in ("fifty", "no-port-here", "gpt-4o", "maybe-value", "magic-value", "much-value"):
        assert not any(value in fault for fault in faults)


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({"LLM_TIMEOUT": "150s"}, "LLM_TIMEOUT must be below SOFT_TIME_LIMIT"),
        ({"SOFT_TIME_LIMIT": "3m"}, "SOFT_TIME_LIMIT must be below HARD_TIME_LIMIT"),
        (
            {"STOP_GRACE_PERIOD": "3m"},
            "HARD_TIME_LIMIT must be at least 3s below STOP_GRACE_PERIOD",
        ),
        ({"TASK_TTL": "2d"}, "RESULT_TTL must not be below TASK_TTL"),
        (
            {"LLM_MODEL": "anthropic/claude"},
            "ANTHROPIC_API_KEY (or ANTHROPIC_API_KEY_FILE) is needed",
        ),
    ],
)
def test_limits_that_do_not_fit_together_are_faults(
    environment: dict[str, str], fault: str
) -> None:
    (found,) = faults_of({**KEY, **environment})

    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "http://localhost:6379"),
        ("REDIS_URL", "redis://:6379"),
        ("REDIS_URL", "redis://h:notaport"),
        ("REDIS_URL", "redis://h:0"),
        ("REDIS_URL", "redis://h:70000"),
        ("REDIS_URL", "redis://h:6379/notadb"),
        ("REDIS_URL", "redis://h:6379/1/2"),
        ("REDIS_URL", "redis://a..b:6379"),
        ("REDIS_URL", "redis://[::1"),
        ("REDIS_URL", "redis://h?socket_timeout=soon"),
        ("REDIS_URL", "redis://h?no_such_option=1"),
        ("LLM_BASE_URL", "http://[::1"),
        ("LLM_BASE_URL", "localhost:8089/v1"),
        ("LLM_BASE_URL", "ftp://localhost/v1"),
        ("LLM_BASE_URL", "https:///v1"),
        ("LLM_BASE_URL", "http://h:port/v1"),
        ("LLM_BASE_URL", "http://h/v\n1"),
        ("KAFKA_BOOTSTRAP_SERVERS", "h:9092,"),
        ("KAFKA_BOOTSTRAP_SERVERS", "h:0"),
        ("KAFKA_BOOTSTRAP_SERVERS", ":9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a..b:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "[::1:9092"),
        ("ANTHROPIC_API_KEY", "two\nlines"),
        ("ANTHROPIC_API_KEY", "schlüssel"),
        ("RABBITMQ_HOST", "a..b"),
        ("RABBITMQ_HOST", "x" * 64),
        ("RABBITMQ_HOST", "h:5672"),
        ("RABBITMQ_HOST", "[::1]"),
        ("RABBITMQ_HOST", "amqp://h"),
        ("HEALTH_HOST", "a..b"),
        ("RABBITMQ_VHOST", "v" * 256),
        ("RABBITMQ_VHOST", "\udc80"),
        ("QUEUE_NAME", "é" * 126),
        ("RABBITMQ_CA_FILE", "/nonexistent"),
        ("RABBITMQ_CA_FILE", __file__),
        ("KAFKA_SSL_CA_LOCATION", "/nonexistent"),
        ("KAFKA_SSL_CA_LOCATION", __file__),
        ("KAFKA_SASL_MECHANISM", "NOPE"),
        ("EVENT_TIMEOUT", "30d"),
        ("RESULT_TTL", "99999999999999999d"),
        ("TASK_TTL", "99999999999999999d"),
        ("STOP_GRACE_PERIOD", "9" * 400 + "d"),
    ],
)
def test_what_a_client_could_not_take_is_a_fault_at_start(name: str, value: str) -> None:
    """With the variable's name, which the client does not know, and without its value."""
    (fault,) = faults_of({**KEY, name: value})

    assert fault.startswith(f"{name}: ")
    assert value not in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "rediss://user:p%40ss@[::1]:6380/2"),
        ("REDIS_URL", "redis://rabbit_1"),
        ("REDIS_URL", "redis://h/?db=3&socket_keepalive=true"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka_1:9092, [::1]:9093,SASL_SSL://h.example:9094"),
        ("REDIS_URL", "redis://:with a space@h:6379"),
        ("LLM_BASE_URL", "http://[::1]:8089/v1"),
        ("LLM_BASE_URL", "https://user:pass@gateway.example/v1/"),
        ("RABBITMQ_HOST", "::1"),
        ("RABBITMQ_HOST", "rabbit_1.example."),
        ("RABBITMQ_HOST", "bücher.example"),
        ("QUEUE_NAME", "q" * 251),
        ("RABBITMQ_VHOST", "v" * 255),
        ("KAFKA_SSL_CA_LOCATION", "/etc"),
        ("KAFKA_SSL_CA_LOCATION", "probe"),
        ("EVENT_TIMEOUT", "1d"),
        ("RESULT_TTL", "36500d"),
    ],
)
def test_what_a_client_can_take_is_taken_as_it_is(name: str, value: str) -> None:
    found = getattr(load_settings({**KEY, name: value}), name.lower())

    assert (found.reveal() if isinstance(found, Secret) else str(found)) == value


def test_certificates_are_taken_where_they_are() -> None:
    path = ssl.get_default_verify_paths().cafile or ""
    if not path:
        pytest.skip("no file of certificates here")
    given = {"RABBITMQ_CA_FILE": path, "KAFKA_SSL_CA_LOCATION": path}

    assert load_settings({**KEY, **given}).rabbitmq_ca_file == path


def test_sasl_needs_its_mechanism_and_a_user_with_a_password() -> None:
    sasl = {**KEY, "KAFKA_SECURITY_PROTOCOL": "sasl_ssl"}

    assert [fault.split()[0] for fault in faults_of(sasl)] == ["KAFKA_SASL_MECHANISM"]
    assert [fault.split()[0] for fault in faults_of({**sasl, "KAFKA_SASL_MECHANISM": "plain"})] == [
        "KAFKA_SASL_USERNAME",
        "KAFKA_SASL_PASSWORD",
    ]


def test_what_does_not_fit_together_is_told_beside_values_that_are_none() -> None:
    """Where it has nothing to do with them: a limit that is none fits together with no other."""
    faults = faults_of({"RABBITMQ_PORT": "x", "LLM_TIMEOUT": "10m", "SOFT_TIME_LIMIT": "x"})

    assert [fault.split()[0] for fault in faults] == [
        "RABBITMQ_PORT:",
        "SOFT_TIME_LIMIT:",
        "OPENAI_API_KEY",
    ]


def test_a_stub_needs_no_key() -> None:
    assert load_settings({"ENGINE": "stub"}).openai_api_key == ""


def test_a_secret_comes_from_its_file_and_prints_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk-from-a-file\n")

    settings = load_settings({"OPENAI_API_KEY_FILE": str(path)})

    assert settings.openai_api_key.reveal() == "sk-from-a-file"
    assert (
        "sk-from-a-file" not in f"{settings} {settings.openai_api_key} {settings.openai_api_key!r}"
    )
    assert "sk-from-a-file" in settings.secrets()


def test_a_variable_and_its_file_are_a_fault_and_so_is_a_file_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "pass"
    path.write_text("x")

    both = faults_of({**KEY, "RABBITMQ_PASS": "x", "RABBITMQ_PASS_FILE": str(path)})
    absent = faults_of({**KEY, "RABBITMQ_PASS_FILE": str(tmp_path / "absent")})

    assert both == ("RABBITMQ_PASS: is set, and so is RABBITMQ_PASS_FILE: unset one of them",)
    assert absent == (
        (
            "RABBITMQ_PASS: the file that RABBITMQ_PASS_FILE names cannot be read: "
            "No such file or directory"
        ),
    )


def test_the_environment_beats_dotenv_and_an_empty_value_is_none(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("OPENAI_API_KEY=from-dotenv\nQUEUE_NAME=from_dotenv\nLLM_BASE_URL=\n")

    settings = load_settings({"QUEUE_NAME": "from_shell", "CONCURRENCY": ""}, dotenv)

    assert settings.openai_api_key.reveal() == "from-dotenv"
    assert settings.queue_name == "from_shell"
    assert settings.concurrency == 1
    assert settings.llm_base_url == ""


def test_a_dotenv_that_is_no_text_is_a_fault(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"LEASE=\xff")

    assert faults_of(KEY, dotenv) == (f"{dotenv} cannot be read: not UTF-8",)


def test_secrets_are_known_also_where_settings_have_faults(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk-from-a-file\n")
    given = {
        "LEASE": "soon",
        "OPENAI_API_KEY_FILE": str(path),
        "RABBITMQ_PASS": "first-secret",
        "RABBITMQ_PASS_FILE": "/nonexistent",
        "REDIS_URL": "http://:open%40sesame@h",
        "LLM_BASE_URL": "http://[::1",
    }

    hidden = find_redactor(given, None).redact("first-secret open@sesame sk-from-a-file")

    assert hidden == "(hidden) (hidden) (hidden)"


def test_the_password_in_a_url_is_a_secret_of_its_own() -> None:
    settings = load_settings({**KEY, "REDIS_URL": "redis://:open-sesame@redis:6379/0"})

    assert "open-sesame" in settings.secrets()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("1m30s", 90), ("2h", 7200), ("1d", 86400)],
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert load_settings({**KEY, "BREAKER_PAUSE": text}).breaker_pause == seconds


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1x", "1s 2", "infs"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    if not text:
        assert load_settings({**KEY, "LEASE": text}).lease == 30
    else:
        assert faults_of({**KEY, "LEASE": text})


def test_the_help_explains_every_setting_and_shows_no_secret() -> None:
    text = describe_settings()

    lines = text.splitlines()
    assert [line.split()[0] for line in lines] == list(FIELDS)
    assert all(len(line.split()) > 2 for line in lines)
    assert "redis://localhost" not in text


def test_values_print_as_people_write_them() -> None:
    assert [str(Seconds(n)) for n in (0, 0.5, 90, 120, 7200)] == ["0s", "500ms", "90s", "2m", "2h"]
    assert str(Secret("x")) == f"{Secret('x')}" == repr(Secret("x")) == "(hidden)"
    assert str(Price(0.15, 0.6)) == "0.15/0.6"
    assert Price(0.15, 0.6).cost(1_000_000, 500_000) == 0.45
