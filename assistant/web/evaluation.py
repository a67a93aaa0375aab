"""The tab that shows the newest evaluation run, and asks one of its questions again."""

from collections.abc import Sequence
from functools import partial
from itertools import starmap
from typing import Any
from urllib.parse import quote

import gradio as gr

from assistant import Assistant, AssistantError
from assistant.web import html
from assistant.web.runs import Judged, Run, in_clone, newest_run

COLUMNS = ["Outcome", "Kind", "Question", "Id"]
ALL = "all"


def build_evaluation(tabs: gr.Tabs, tab: gr.Tab, assistant: Assistant) -> tuple[Any, gr.State]:
    """Fills the tab; the run is read when the tab is opened. Returns the event that asks one of its
    questions again, and what holds that question.
    """
    run = gr.State(None)
    with gr.Row(elem_id="run"):
        head = _markdown()
        refresh = gr.Button("Refresh", size="sm", scale=0, min_width=88, elem_id="refresh")
    with gr.Column(visible=False) as body:
        summary = _markdown()
        outcome = gr.Dropdown(
            label="Questions", choices=[ALL], value=ALL, filterable=False, elem_id="outcomes"
        )
        table = gr.Dataframe(
            headers=COLUMNS,
            datatype="str",
            column_widths=["24%", "18%", "48%", "10%"],
            interactive=False,
            label="Questions of the run",
            show_label=False,
            max_height=320,
            elem_id="questions",
            wrap=True,
            buttons=[],
        )
    with gr.Column(visible=False, elem_id="case") as case:
        details = _markdown()
        again = gr.Button("Ask this now", variant="primary", elem_id="again")
    chosen = gr.State("")
    shown = [run, head, body, summary, outcome, table, case]
    for event in (tab.select, refresh.click):
        event(partial(_show, assistant), None, shown, show_progress="hidden")
    outcome.input(_rows, [run, outcome], [table], show_progress="hidden")

    # No partial: see articles.
    def opened(run: Run | None, event: gr.SelectData) -> tuple[Any, ...]:
        return _open(assistant, run, str(event.row_value[-1]))

    table.select(opened, [run], [case, details, chosen], show_progress="hidden")
    return again.click(lambda: gr.Tabs(selected="ask"), None, [tabs]).then, chosen


def _markdown() -> gr.Markdown:
    """Without formulas, which are parsed in the finished page, where nothing is escaped."""
    return gr.Markdown(latex_delimiters=[])


def _show(assistant: Assistant) -> tuple[Any, ...]:
    """The newest run with all its questions, none of them chosen; or a sentence instead."""
    try:
        run = newest_run(assistant.settings.evaluation_folder)
        said = no_run()
    except AssistantError as error:
        run, said = None, html.note(str(error))
    hidden = gr.Column(visible=False)
    if run is None:
        return None, said, hidden, "", gr.Dropdown(), [], hidden
    counts = [(f"{name} ({count})", name) for name, count in run.outcomes.items()]
    choices = [(f"all ({len(run.questions)})", ALL), *counts]
    outcomes = gr.Dropdown(choices=choices, value=ALL)
    return run, _head(run), gr.Column(visible=True), _summary(run), outcomes, _rows(run), hidden


def no_run() -> str:
    """What the tab says without a run; `make eval` is named only where it exists."""
    return "No evaluation has been run yet" + (": `make eval` runs one." if in_clone() else ".")


def _rows(run: Run | None, outcome: str = ALL) -> list[list[str]]:
    """Rows of the table, which shows them as plain text."""
    questions = run.questions if run else ()
    return [[q.outcome, q.kind, q.text, q.id] for q in questions if outcome in (ALL, q.outcome)]


def _open(assistant: Assistant, run: Run | None, id: str) -> tuple[Any, ...]:
    """The chosen question: what the run knows of it, and what the button asks."""
    found = {question.id: question for question in run.questions}.get(id) if run else None
    if found is None:
        return gr.Column(visible=False), "", ""
    return gr.Column(visible=True), _details(assistant, found), found.standalone or found.text


# ---- to HTML ----------------------------------------------------------------------------------


def _head(run: Run) -> str:
    facts = f"{run.created}, {run.dataset}: {len(run.questions)} questions, {run.articles} articles"
    report = (
        f' <a class="open" href="/evaluation/{quote(run.name, safe="")}.html" target="_blank">'
        "Open the whole report</a>"
        if run.has_report
        else ""
    )
    name = f'<b>{html.shown(run.name)}</b> <span class="outlet">{html.shown(facts)}</span>'
    return f'<div class="answer">{name}{report}</div>'


def _summary(run: Run) -> str:
    measures = "".join(starmap(_measure_row, run.measures.items()))
    counts = "".join(
        f"<tr><td>{html.shown(name)}</td><td>{count}</td></tr>"
        for name, count in run.outcomes.items()
    )
    return (
        '<div class="summary"><table><thead><tr><th>Measure</th><th>Mean</th>'
        f"<th>95 % interval</th></tr></thead><tbody>{measures}</tbody></table>"
        "<table><thead><tr><th>Outcome</th><th>Questions</th></tr></thead>"
        f"<tbody>{counts}</tbody></table></div>"
    )


def _measure_row(name: str, values: Sequence[float | None]) -> str:
    mean, low, high = ("–" if value is None else f"{value:.2f}" for value in values)
    interval = "–" if low == "–" else f"{low} to {high}"
    return f"<tr><td>{html.shown(name)}</td><td>{mean}</td><td>{interval}</td></tr>"


def _details(assistant: Assistant, found: Judged) -> str:
    """A question: the expected answer, the one that was given, the gold articles."""
    parts = [f'<p class="asked">{html.shown(found.text)}</p>']
    parts += [_muted("After", f"{question} {answer}") for question, answer in found.history]
    parts += [_muted("Stands alone as", found.standalone)]
    expected = _paragraph(found.reference or ("" if found.expected else "A refusal."))
    accepted = ", ".join(f"“{answer}”" for answer in found.expected)
    parts += [_section("Expected", expected + _muted("Accepted", accepted))]
    parts += [_section(f"Answered then: {found.outcome}", _said(found))]
    links = "".join(f"<p>{_article(assistant, id)}</p>" for id in found.article_ids)
    parts += [_section("Articles that answer", links)]
    return f'<div class="answer">{"".join(parts)}</div>'


def _section(heading: str, body: str) -> str:
    return f"<h2>{html.shown(heading)}</h2>{body}" if body else ""


def _paragraph(text: str) -> str:
    return f"<p>{html.shown(text)}</p>" if text else ""


def _muted(label: str, text: str) -> str:
    return f'<p class="searched">{label}: {html.shown(text)}</p>' if text else ""


def _said(found: Judged) -> str:
    """The quotes with the titles of their articles; the text of a refusal."""
    if not found.answered:
        return _paragraph(found.said or "Nothing: only the search was measured.")
    return "".join(
        f'<p class="byline"><b>{html.shown(title)}</b></p>'
        f"<blockquote>{html.shown(sentence)}</blockquote>"
        for title, sentence in found.quotes
    )


def _article(assistant: Assistant, article_id: str) -> str:
    """A link to an article; its id alone where this corpus lacks it."""
    try:
        return html.view_link(article_id, assistant.article(article_id).title)
    except AssistantError:
        return html.shown(f"{article_id} (not among these articles)")
