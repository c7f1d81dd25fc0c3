"""One self-contained HTML page over many scans.

Pictures are embedded, styles and the few lines of script are inline: the page
loads nothing, and forbids itself to by its content security policy.
"""

import dataclasses
import html
from collections.abc import Mapping, Sequence
from urllib.parse import quote

DISCLAIMER = "Research software, not a medical device: not for diagnosis."


@dataclasses.dataclass(frozen=True)
class ScanEntry:
    """One scan on the page.

    Attributes:
      name: what the scan is called.
      volume_ml: total lesion volume; None where it failed.
      facts: short texts such as "12 lesions", in the order they are shown.
      warnings: what the user should know.
      mark: what is to be seen at once, beside the name; "" for nothing.
      error: why it failed; "" where it did not.
      thumbnails: JPEG files in base64.
      links: text to path, relative to the page.
    """

    name: str
    volume_ml: float | None
    facts: Sequence[str] = ()
    warnings: Sequence[str] = ()
    mark: str = ""
    error: str = ""
    thumbnails: Sequence[str] = ()
    links: Mapping[str, str] = dataclasses.field(default_factory=dict)


def render_page(
    title: str, entries: Sequence[ScanEntry], notes: Sequence[str] = ()
) -> str:
    """Builds the page.

    Args:
      title: heading and title of the page.
      entries: the scans, in the order in which the page first shows them.
      notes: lines below the heading.

    Returns:
      HTML. Every text in it is escaped.
    """
    failed = sum(bool(entry.error) for entry in entries)
    warned = sum(bool(entry.warnings) for entry in entries)
    marked = sum(bool(entry.mark) for entry in entries)
    counts = f"{len(entries)} scan{'' if len(entries) == 1 else 's'}"
    counts += f", {failed} failed" if failed else ""
    counts += f", {warned} with warnings" if warned else ""
    counts += f", {marked} of them marked" if marked else ""
    lines = [counts, *notes]
    return _PAGE.format(
        title=html.escape(title),
        style=_STYLE,
        notes="\n".join(f"<p>{html.escape(line)}</p>" for line in lines),
        disclaimer=html.escape(DISCLAIMER),
        scans="\n".join(
            _render_entry(entry, index) for index, entry in enumerate(entries)
        ),
        script=_SCRIPT,
    )


def _render_entry(entry: ScanEntry, index: int) -> str:
    name = html.escape(entry.name)
    # A failed scan comes last by volume and first by warning, then the marked.
    volume = -1.0 if entry.volume_ml is None else entry.volume_ml
    alarm = len(entry.warnings) + (100 if entry.mark else 0)
    alarm += 1000 if entry.error else 0
    figure = "failed" if entry.error else f"{volume:.2f} ml"
    parts = [f'<h2>{name}</h2><p class="volume">{figure}</p>']
    if entry.mark:
        parts.append(f'<p class="mark">{html.escape(entry.mark)}</p>')
    if entry.facts:
        facts = " · ".join(html.escape(fact) for fact in entry.facts)
        parts.append(f'<p class="facts">{facts}</p>')
    if entry.error:
        parts.append(f'<p class="error">{html.escape(entry.error)}</p>')
    parts += [
        f'<p class="warning">{html.escape(text)}</p>' for text in entry.warnings
    ]
    if entry.thumbnails:
        images = "".join(
            f'<img alt="{name}, slice {number}" '
            f'src="data:image/jpeg;base64,{html.escape(code)}">'
            for number, code in enumerate(entry.thumbnails, start=1)
        )
        parts.append(f'<div class="slices">{images}</div>')
    if entry.links:
        links = " ".join(
            f'<a href="{html.escape(quote(path))}">{html.escape(text)}</a>'
            for text, path in entry.links.items()
        )
        parts.append(f'<p class="links">{links}</p>')
    kind = ' class="marked"' if entry.mark else ""
    return (
        f'<article{kind} data-order="{index}" data-volume="{volume!r}" '
        f'data-alarm="{alarm}">{"".join(parts)}</article>'
    )


_STYLE = """
:root { color-scheme: light dark; --back: #f4f4f2; --card: #ffffff;
  --text: #1c1c1c; --soft: #5c5c5c; --line: #d8d8d4; --accent: #0b5cad;
  --warn: #8a5300; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --back: #141414;
  --card: #1f1f1f; --text: #ececec; --soft: #a8a8a8; --line: #383838;
  --accent: #8cbcff; --warn: #ffbe5c; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 16px;
  background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; }
header p { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 8px; align-items: center;
  margin: 14px 0; }
button { font: inherit; padding: 6px 14px; border-radius: 6px; cursor: pointer;
  border: 1px solid var(--line); background: var(--card);
  color: var(--text); }
button[aria-pressed="true"] { border-color: var(--accent);
  color: var(--accent); }
article { background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; padding: 12px 14px; margin: 0 0 12px;
  display: grid; grid-template-columns: 1fr auto; column-gap: 16px; }
article > * { grid-column: 1 / -1; margin: 2px 0; }
h2 { font-size: 1rem; grid-column: 1; overflow-wrap: anywhere; }
article > .volume { grid-column: 2; font-weight: 600; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.marked { border-left: 6px solid var(--warn); }
.mark { justify-self: start; background: var(--warn); color: var(--card);
  border-radius: 4px; padding: 1px 8px; font-size: .9rem; font-weight: 600; }
.facts { color: var(--soft); font-size: .9rem; }
.warning, .error { font-size: .9rem; overflow-wrap: anywhere; }
.warning { color: var(--warn); } .warning::before { content: "Warning: "; }
.error { color: var(--bad); }
.slices { display: grid; gap: 4px; margin: 8px 0; align-items: center;
  grid-template-columns: repeat(6, 1fr); }
.slices img { width: 100%; display: block; border-radius: 4px;
  background: #000; }
.links { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: .9rem; }
a { color: var(--accent); }
@media (max-width: 700px) { body { padding: 10px; }
  .slices { grid-template-columns: repeat(3, 1fr); } }
"""

_SCRIPT = """
const list = document.querySelector("main");
const buttons = document.querySelectorAll("button[data-key]");
for (const button of buttons) button.addEventListener("click", () => {
  const key = button.dataset.key, sign = key === "order" ? 1 : -1;
  const value = (scan) => Number(scan.dataset[key]);
  const place = (scan) => Number(scan.dataset.order);
  list.append(...[...list.children].sort((a, b) =>
    sign * (value(a) - value(b)) || place(a) - place(b)));
  for (const other of buttons)
    other.setAttribute("aria-pressed", String(other === button));
});
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{notes}
<p>Outline: what was found. Radiological convention: the patient's right (R) \
is shown on the left. {disclaimer}</p>
</header>
<nav aria-label="Order">Sort by
<button type="button" data-key="order" aria-pressed="true">name</button>
<button type="button" data-key="volume" aria-pressed="false">volume</button>
<button type="button" data-key="alarm" aria-pressed="false">warning</button>
</nav>
<main>
{scans}
</main>
<script>{script}</script>
</body>
</html>
"""
