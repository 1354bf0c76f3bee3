"""One request to a model's provider, by its official SDK: what goes out, what comes back, what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.engine import provider_errors
from workers.engine.http_deadline import make_client
from workers.engine.model_session import Reply

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from types import ModuleType

    from workers.configuration.settings import Settings
    from workers.engine.http_deadline import Patience
    from workers.engine.model_session import Message, Provider
    from workers.errors import RunError
    from workers.redaction import Redactor

OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com"


class OpenAI:
    """OpenAI's chat completions, or any server that speaks them."""

    def __init__(self, settings: Settings, patience: Patience, context: ssl.SSLContext) -> None:
        import openai  # noqa: PLC0415 - 0.8 s, and only where a task runs

        url = settings.llm_base_url or OPENAI_URL
        # The newer of the two names: OpenAI's own reasoning models take no other, most other servers only the older.
        limit = "max_tokens" if settings.llm_base_url else "max_completion_tokens"
        self._options = {"model": _name(settings), limit: settings.llm_max_tokens}
        self._request = _Request(openai, settings.redactor(), patience)
        self._client = openai.OpenAI(
            api_key=settings.openai_api_key.reveal(),
            base_url=url,
            max_retries=0,
            http_client=make_client(patience, url, context),
        )
        # Looked up here: the SDK imports this part only when it is first used.
        self._create = self._client.chat.completions.create

    def ask(self, messages: Sequence[Message]) -> Reply:
        """Ask for a completion."""
        said = [{"role": message.role, "content": message.content} for message in messages]
        with self._request as seconds:
            answer = self._create(messages=said, timeout=seconds, **self._options)
            choice, usage = answer.choices[0], answer.usage
            refusal = getattr(choice.message, "refusal", None)
            return Reply(
                choice.message.content or "",
                "refusal" if refusal else choice.finish_reason,
                usage.prompt_tokens if usage else 0,
                usage.completion_tokens if usage else 0,
            )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class Anthropic:
    """Anthropic's messages."""

    def __init__(self, settings: Settings, patience: Patience, context: ssl.SSLContext) -> None:
        import anthropic  # noqa: PLC0415 - heavy, and only where a task runs

        # This SDK adds the version to the path itself, OpenAI's does not: either form serves.
        url = settings.llm_base_url.rstrip("/").removesuffix("/v1") or ANTHROPIC_URL
        self._options = {"model": _name(settings), "max_tokens": settings.llm_max_tokens}
        self._request = _Request(anthropic, settings.redactor(), patience)
        self._client = anthropic.Anthropic(
            api_key=settings.anthropic_api_key.reveal(),
            base_url=url,
            max_retries=0,
            http_client=make_client(patience, url, context),
        )
        self._create = self._client.messages.create

    def ask(self, messages: Sequence[Message]) -> Reply:
        """Ask for a message; what the system says stands beside the conversation there."""
        system = "\n\n".join(m.content for m in messages if m.role == "system")
        said = [{"role": m.role, "content": m.content} for m in messages if m.role != "system"]
        options = self._options | ({"system": system} if system else {})
        with self._request as seconds:
            answer = self._create(messages=said, timeout=seconds, **options)
            usage = answer.usage
            cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
            return Reply(
                "".join(block.text for block in answer.content if block.type == "text"),
                answer.stop_reason or "",
                usage.input_tokens + cached,
                usage.output_tokens,
            )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class _Request:
    """The time of a request, and what the SDK's exceptions mean; both SDKs have the same ones, from one generator."""

    def __init__(self, sdk: ModuleType, redactor: Redactor, patience: Patience) -> None:
        self._sdk = sdk
        self._patience = patience
        self._redactor = redactor

    def __enter__(self) -> float:
        return self._patience.begin()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            raise self._explain(error) from None

    def _explain(self, error: Any) -> RunError:  # noqa: ANN401 - the SDKs are imported late
        if isinstance(error, self._sdk.APITimeoutError):
            return provider_errors.timed_out(self._patience.seconds)
        if isinstance(error, self._sdk.APIStatusError):
            body = error.body if isinstance(error.body, dict) else {}
            inner = body.get("error", body)
            details = inner if isinstance(inner, dict) else {}
            said = self._say(str(details.get("message", "")))
            code = str(details.get("code", ""))
            return provider_errors.from_status(
                error.status_code, error.response.headers, code, said
            )
        said = self._say(f"{type(error.__cause__ or error).__name__}: {error.__cause__ or error}")
        if isinstance(error, self._sdk.APIConnectionError):
            return provider_errors.unreachable(said)
        # No such exception of the SDK, or an answer without the parts that its API promises.
        return provider_errors.unreadable(said)

    def _say(self, text: str) -> str:
        return provider_errors.say(text, self._redactor)


def _name(settings: Settings) -> str:
    return settings.llm_model.partition("/")[2]


def connect(settings: Settings, patience: Patience, context: ssl.SSLContext) -> Provider:
    """Give the provider that LLM_MODEL names."""
    make = Anthropic if settings.llm_model.startswith("anthropic/") else OpenAI
    return make(settings, patience, context)
