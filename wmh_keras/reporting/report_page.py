"""The page of a report: one HTML file that loads nothing.

Pictures are embedded, the style is inline, there is no script; the content
security policy forbids all else. Every text is escaped.
"""

import dataclasses
import html
from collections.abc import Sequence

from data_prep.version import __version__
from wmh_keras.reporting.page import DISCLAIMER
from wmh_keras.reporting.report_cards import render_key_numbers
from wmh_keras.reporting.report_folder import PAGE_MARK
from wmh_keras.reporting.report_style import STYLE
from wmh_keras.reporting.report_tables import render_note, render_table
from wmh_keras.reporting.report_text import TextSection
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.formats import plural
from wmh_keras.reporting.tables.table import Table

# More warnings than that are folded behind the first ones.
_MOST_WARNINGS = 12
_OF_THE_PAPER = tuple("12345")


@dataclasses.dataclass(frozen=True)
class FigureEntry:
    """One figure as the page shows it.

    Attributes:
        name: of its files.
        title: above it.
        caption: below it.
        missing: why it is not there, and what would give it.
        source: a data: URI; "" where it is missing.
        inches: its width, so that letters have one size all over the page; 0
            where it is missing.
    """

    name: str
    title: str
    caption: str
    missing: str
    source: str
    inches: float


def render_report(
    title: str,
    study: Study,
    tables: Sequence[Table],
    figures: Sequence[FigureEntry],
    *,
    warnings: Sequence[str],
    manuscript: Sequence[TextSection],
) -> str:
    """Builds the page.

    Args:
        title: heading and title.
        study: what is reported, for the key numbers.
        tables: in their order.
        figures: in their order.
        warnings: shown first.
        manuscript: text to copy.

    Returns:
        HTML.
    """
    groups = [
        ("Tables", [t for t in tables if _is_of_the_paper(t)]),
        ("Figures", [f for f in figures if _is_of_the_paper(f)]),
        (
            "Supplementary tables",
            [t for t in tables if not _is_of_the_paper(t)],
        ),
        (
            "Supplementary figures",
            [f for f in figures if not _is_of_the_paper(f)],
        ),
    ]
    return _PAGE.format(
        mark=PAGE_MARK,
        title=html.escape(title),
        style=STYLE,
        cohort=html.escape(_cohort(study)),
        disclaimer=html.escape(DISCLAIMER),
        warnings=_render_warnings(warnings),
        key=render_key_numbers(study),
        contents=_render_contents(groups),
        groups="\n".join(_render_group(name, items) for name, items in groups),
        manuscript=_render_manuscript(manuscript),
        version=html.escape(__version__),
    )


def _is_of_the_paper(item: Table | FigureEntry) -> bool:
    return item.name.split("_")[1].startswith(_OF_THE_PAPER)


def _cohort(study: Study) -> str:
    summary = study.evaluations[0].summary
    sites = [site for site in summary["sites"] if site]
    text = plural(summary["num_subjects"], "patient")
    text += f", {plural(summary['num_volumes'], 'volume')}"
    if sites:
        text += f", {plural(len(sites), 'site')}"
    models = plural(len(study.evaluations), "model")
    names = ", ".join(e.name for e in study.evaluations)
    return f"{text}; {models}: {names}."


def _render_warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = [f"<li>{html.escape(text)}</li>" for text in warnings]
    first, rest = items[:_MOST_WARNINGS], items[_MOST_WARNINGS:]
    parts = [f"<ul>{''.join(first)}</ul>"]
    if rest:
        parts.append(
            f"<details><summary>{len(rest)} more</summary>"
            f"<ul>{''.join(rest)}</ul></details>"
        )
    return (
        '<section class="warnings" id="warnings">'
        f"<h2>{plural(len(warnings), 'warning')}</h2>{''.join(parts)}</section>"
    )


def _render_contents(
    groups: Sequence[tuple[str, Sequence[Table | FigureEntry]]],
) -> str:
    parts = []
    for name, items in groups:
        links = "".join(
            f'<li{_absent(item)}><a href="#{html.escape(item.name)}">'
            f"{html.escape(item.title)}</a></li>"
            for item in items
        )
        parts.append(f"<strong>{html.escape(name)}</strong><ol>{links}</ol>")
    return "".join(parts)


def _absent(item: Table | FigureEntry) -> str:
    return ' class="absent"' if item.missing else ""


def _render_group(name: str, items: Sequence[Table | FigureEntry]) -> str:
    rendered = [
        render_table(item) if isinstance(item, Table) else _render_figure(item)
        for item in items
    ]
    return f"<h2>{html.escape(name)}</h2>\n" + "\n".join(rendered)


def _render_figure(figure: FigureEntry) -> str:
    name, title = html.escape(figure.name), html.escape(figure.title)
    if figure.missing:
        return (
            f'<section class="card missing" id="{name}"><h3>{title}</h3>'
            f"<p>{render_note(figure.missing)}</p></section>"
        )
    files = " ".join(
        f'<a href="figures/{name}.{kind}">{name}.{kind}</a>'
        for kind in ("png", "svg")
    )
    return (
        f'<section class="card" id="{name}"><h3>{title}</h3><figure>'
        f'<div class="scroll" role="region" aria-label="{title}" tabindex="0">'
        f'<img alt="{title}" style="--inches: {figure.inches:g}" '
        f'src="{html.escape(figure.source)}"></div>'
        f"<figcaption>{html.escape(figure.caption)}</figcaption></figure>"
        f'<p class="files">{files}</p></section>'
    )


def _render_manuscript(sections: Sequence[TextSection]) -> str:
    parts = []
    for section in sections:
        paragraphs = "".join(
            f"<p>{html.escape(text)}</p>" for text in section.paragraphs
        )
        parts.append(f"<h3>{html.escape(section.title)}</h3>{paragraphs}")
    return "".join(parts)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
img-src data:; style-src 'unsafe-inline'">
{mark}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p>{cohort}</p>
<p class="soft">{disclaimer}</p>
{warnings}
{key}
</header>
<div class="layout">
<nav aria-label="Contents">
<input type="checkbox" id="unfold"><label class="unfold" for="unfold">Show the \
contents</label>
<div class="contents">
{contents}
<strong>Text</strong><ol><li><a href="#manuscript">Text for a manuscript</a>\
</li></ol>
</div>
</nav>
<main>
{groups}
<h2>Text for a manuscript</h2>
<section class="card manuscript" id="manuscript">
<p class="soft">Built from the numbers above, to be copied and read with care:
it knows the data, not the patients.</p>
{manuscript}
</section>
</main>
</div>
<footer>Made by wmh-keras {version}. report.json beside this page says from
what.</footer>
</body>
</html>
"""
