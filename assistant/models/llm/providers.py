"""The language model services of the settings: their clients, keys and addresses."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assistant.errors import ModelError, SettingsError
from assistant.models.llm.errors import Service
from assistant.models.llm.llama_index import ConfiguredModel, LlamaIndexModel
from assistant.models.llm.prompts import REPLY_TOKENS
from assistant.models.llm.streaming import interruptible
from assistant.settings import Settings

if TYPE_CHECKING:
    from llama_index.core.llms import LLM


def _openai_arguments(service: Service, context: int) -> dict[str, Any]:
    return {
        "additional_kwargs": {"stream_options": {"include_usage": True}},
        "api_base": service.url,
        "api_key": service.secret or "none",
        "context_window": context,
        "http_client": import_module("openai").DefaultHttpxClient(
            timeout=service.patience, **interruptible()
        ),
        "is_chat_model": True,
        "max_retries": 0,
        "timeout": service.patience,
    }


def _ollama_arguments(service: Service, context: int) -> dict[str, Any]:
    ollama = import_module("ollama")
    return {
        "base_url": service.url,
        "client": ollama.Client(host=service.url, timeout=service.patience, **interruptible()),
        # Ollama silently cuts longer prompts, and its address /v1 for OpenAI's clients cannot set
        # this; where it is not set, the client asks for it by another request.
        "context_window": context,
        "request_timeout": service.patience,
    }


def _anthropic_arguments(service: Service, _context: int) -> dict[str, Any]:
    return {
        "api_key": service.secret,
        "base_url": service.url,
        "max_retries": 0,
        "max_tokens": REPLY_TOKENS,
        "timeout": service.patience,
    }


@dataclass(frozen=True)
class _Kind:
    """A kind of service: its client in llama-index, its key, its usual address."""

    module: str
    client: str
    arguments: Callable[[Service, int], dict[str, Any]]
    """Of the client, from the service and the context window."""
    key: str
    """The environment variable of its key."""
    needs_key: bool = False
    url: str = ""


# OpenAI's own class refuses every model newer than itself; this one takes any, and also knows which
# of OpenAI's models have no temperature.
_OPENAI_LIKE = _Kind(
    "llama_index.llms.openai_like", "OpenAILike", _openai_arguments, "ASSISTANT_LLM_KEY"
)
_KINDS = {
    "openai-like": _OPENAI_LIKE,
    "openai": replace(
        _OPENAI_LIKE, key="OPENAI_API_KEY", needs_key=True, url="https://api.openai.com/v1"
    ),
    "ollama": _Kind(
        "llama_index.llms.ollama",
        "Ollama",
        _ollama_arguments,
        "OLLAMA_API_KEY",
        url="http://localhost:11434",
    ),
    "anthropic": _Kind(
        "llama_index.llms.anthropic",
        "Anthropic",
        _anthropic_arguments,
        "ANTHROPIC_API_KEY",
        needs_key=True,
        url="https://api.anthropic.com",
    ),
}


def language_model(settings: Settings) -> LlamaIndexModel | None:
    """The language model that the settings name, or None; its client is made at the first use.

    Its key comes from the environment and goes to the service's address only.

    Raises:
        SettingsError: the model or the address is missing, or cannot be one.
        ModelError: the client is not installed, or the key is not set.
    """
    if settings.llm == "none":
        return None
    kind = _KINDS[settings.llm]
    if not settings.llm_model:
        raise SettingsError("llm_model", "is not set", f"name the model that {settings.llm} has")
    url = settings.llm_url or kind.url
    _check_address(url)
    key = os.environ.get(kind.key, "").strip()
    if kind.needs_key and not key:
        raise ModelError(settings.llm, f"{kind.key} is not set", "put the key into the environment")
    install = f'run `pip install "news-assistant[{settings.llm}]"`'
    if not _installed(kind.module):
        raise ModelError(settings.llm, "its client is not installed", install)
    service = Service(settings.llm_model, url, kind.key, settings.llm_timeout, key)
    if settings.llm == "ollama":
        service = replace(service, obtain=f"run `ollama pull {settings.llm_model}`")
    return ConfiguredModel(service, partial(_made, settings, kind, service, install))


def _check_address(url: str) -> None:
    if not url:
        remedy = "give the service's address, such as http://localhost:8080/v1"
        raise SettingsError("llm_url", "is not set", remedy)
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return
    # The address is not repeated here, because a password may be in it.
    raise SettingsError("llm_url", "is no address", "it begins with http:// or https://")


def _installed(module: str) -> bool:
    with suppress(ModuleNotFoundError):  # of a package above it
        return find_spec(module) is not None
    return False


def _made(settings: Settings, kind: _Kind, service: Service, install: str) -> "LLM":
    try:
        client = getattr(import_module(kind.module), kind.client)
        arguments = kind.arguments(service, settings.llm_context)
        llm: LLM = client(model=service.model, temperature=0.0, **arguments)
        _ = llm.metadata  # where a client looks up whether it knows the model
    except ImportError as error:
        problem = f"its client cannot be imported ({error})"
        raise ModelError(settings.llm, problem, install) from error
    except ValueError:
        remedy = f"correct llm_model, or upgrade the client: {install} --upgrade"
        raise ModelError(service.subject, "its client does not know this model", remedy) from None
    return llm
