"""Tables as HTML."""

import html
import re

from wmh_keras.reporting.tables.table import BEST, Part, Table

# Longer cells may be broken.
_MOST_UNBROKEN = 34
_FLAG = re.compile(r"--[a-z_]+(=[\w,.…]*\w)?")


def render_table(table: Table) -> str:
    """A table with its notes; or why it is not there.

    Args:
        table: any; its texts are escaped.

    Returns:
        A section of HTML.
    """
    name, title = html.escape(table.name), html.escape(table.title)
    if table.missing:
        return (
            f'<section class="card missing" id="{name}"><h3>{title}</h3>'
            f"<p>{render_note(table.missing)}</p></section>"
        )
    parts = "".join(_render_part(part, table.title) for part in table.parts)
    if table.folded:
        rows = sum(len(part.rows) for part in table.parts)
        parts = f"<details><summary>{rows} rows</summary>{parts}</details>"
    notes = "".join(f"<p>{render_note(note)}</p>" for note in table.notes)
    link = f'<a href="tables/{name}.csv">{name}.csv</a>'
    return (
        f'<section class="card" id="{name}"><h3>{title}</h3>{parts}'
        f'<div class="notes">{notes}</div><p class="files">{link}</p></section>'
    )


def render_note(text: str) -> str:
    """Escapes a note and keeps the flags in it in one piece."""
    return _FLAG.sub(r"<code>\g<0></code>", html.escape(text))


def _render_part(part: Part, title: str) -> str:
    heads = "".join(
        f'<th scope="col">{html.escape(text)}</th>' for text in part.header
    )
    rows = "".join(
        f'<tr><th scope="row">{_render_text(row[0])}</th>'
        + "".join(_render_cell(text) for text in row[1:])
        + "</tr>"
        for row in part.rows
    )
    caption = ""
    if part.caption and not part.folded:
        # Outside of the table, which is wider than a phone.
        caption = f'<p class="caption">{html.escape(part.caption)}</p>'
    label = html.escape(part.caption or title)
    # Focusable, so that it can be scrolled by keys.
    table = (
        f'{caption}<div class="scroll" role="region" aria-label="{label}" '
        'tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )
    if not part.folded:
        return table
    return f"<details><summary>{label}</summary>{table}</details>"


def _render_cell(text: str) -> str:
    longest = max(map(len, text.split("\n")))
    kind = "short" if longest <= _MOST_UNBROKEN else "long"
    return f'<td class="{kind}">{_render_text(text)}</td>'


def _render_text(text: str) -> str:
    is_best = text.startswith(BEST)
    lines = html.escape(text.removeprefix(BEST)).replace("\n", "<br>")
    return f"<strong>{lines}</strong>" if is_best else lines
