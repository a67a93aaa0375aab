"""The page: a tab to ask on, one for the articles, one for the evaluation."""

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant import Assistant, AssistantError
from assistant.web import html
from assistant.web.articles import build_articles
from assistant.web.ask import build_chat
from assistant.web.evaluation import build_evaluation

CONCURRENT = 32
"""Questions answered at once; Gradio's own default is one."""

_HERE = Path(__file__).parent
STYLE = (_HERE / "page.css").read_text(encoding="utf-8")
HEAD = f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>"
THEME = gr.themes.Base(
    primary_hue="blue",
    neutral_hue="slate",
    # System fonts: nothing is fetched, and text looks as it does elsewhere.
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    # Gradio's own colours are below the contrast of 4.5 to 1 that readable text needs.
    color_accent="*primary_600",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
)


def build_page(assistant: Assistant) -> gr.Blocks:
    """The page over one assistant; nothing is searched or loaded until someone opens it."""
    page: gr.Blocks
    # Uploads are kept for a day: an import of many files may read the last of them hours later.
    kept = 3600, 86400
    with gr.Blocks(title="News assistant", analytics_enabled=False, delete_cache=kept) as page:
        # Markdown throughout: gr.HTML compiles templates, which the security policy forbids.
        gr.Markdown("# Ask your articles", elem_id="heading")
        status = gr.Markdown(elem_id="status", latex_delimiters=[])
        with gr.Tabs() as tabs:
            with gr.Tab("Ask", id="ask"):
                ask = build_chat(page, assistant)
            with gr.Tab("Articles", id="articles"):
                build_articles(page, assistant)
            with gr.Tab("Evaluation", id="evaluation") as evaluation:
                ask(*build_evaluation(tabs, evaluation, assistant))
        show_status = partial(_status, assistant)
        timer = gr.Timer(2)
        page.load(show_status, None, [status, timer])
        timer.tick(show_status, None, [status, timer], show_progress="hidden")
    for event in page.fns.values():
        event.api_visibility = "private"  # no public endpoints
    page.queue(default_concurrency_limit=CONCURRENT, max_size=200)
    return page


def _status(assistant: Assistant) -> tuple[str, Any]:
    """The status line, and the timer, which ticks slowly once the models are loaded."""
    try:
        line = assistant.status()
    except AssistantError as error:
        line = str(error)
    return f"<span>{html.shown(line)}</span>", gr.Timer(30 if assistant.ready else 1)
