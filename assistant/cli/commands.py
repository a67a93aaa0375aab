"""The command ``assistant``: its group, its errors, and what its commands share.

Only click is imported at the top: ``assistant --help`` answers before numpy would be loaded.
"""

import atexit
import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.settings import Settings

STOPPED = "\nassistant: stopped; the same command again goes on from here"
as_json = click.option("--json", "as_json", is_flag=True, help="print JSON for programs")


class _Commands(click.Group):
    """Turns the program's errors into one line on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from assistant import AssistantError

        try:
            return super().invoke(ctx)
        except AssistantError as error:
            click.echo(f"assistant: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo(STOPPED, err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--corpus", type=click.Path(path_type=Path), help="folder of article files")
@click.option("--data", type=click.Path(path_type=Path), help="folder of the index")
@click.version_option(package_name="news-assistant", message="%(version)s")
@click.pass_context
def main(context: click.Context, corpus: Path | None, data: Path | None) -> None:
    """Answers questions from articles, with the sentences each answer rests on.

    \b
    assistant sync
    assistant ask "what did Galuzin say about the EU mission"
    """
    # At exit, Python visits each object once more: torch's take 1.3 of a command's 5.9 seconds.
    atexit.register(gc.freeze)
    context.obj = {"corpus": corpus, "data": data}


def settings_of(**chosen: Any) -> "Settings":
    """The settings with ``--corpus``, ``--data`` and what a command's own options choose."""
    from assistant.settings import load_settings

    return load_settings(**click.get_current_context().find_root().obj, **chosen)


def opened(**chosen: Any) -> "Assistant":
    """The assistant over those settings."""
    from assistant import open_assistant

    return open_assistant(settings_of(**chosen))
