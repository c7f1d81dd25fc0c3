"""How a report looks: light and dark, wide and narrow, on screen and paper."""

STYLE = """
:root { color-scheme: light dark; --back: #f4f4f2; --card: #ffffff;
  --text: #1c1c1c; --soft: #5c5c5c; --line: #d8d8d4; --accent: #0b5cad;
  --warn: #8a5300; --warn-back: #fff6e5; --stripe: #f8f8f6; }
@media (prefers-color-scheme: dark) { :root { --back: #141414;
  --card: #1f1f1f; --text: #ececec; --soft: #a8a8a8; --line: #383838;
  --accent: #8cbcff; --warn: #ffbe5c; --warn-back: #2c2413;
  --stripe: #252525; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 12px; }
body { margin: 0 auto; max-width: 1380px; padding: 20px;
  background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; margin: 2rem 0 .8rem; }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
h1, h2, h3, p, li, figcaption { overflow-wrap: anywhere; }
a { color: var(--accent); }
header p { margin: 0 0 .3rem; }
.soft, .notes, figcaption { color: var(--soft); font-size: .9rem; }
.notes p { margin: .35rem 0 0; max-width: 90ch; }
.warnings { background: var(--warn-back); border: 1px solid var(--warn);
  border-radius: 8px; padding: 10px 16px; margin: 14px 0; }
.warnings h2 { color: var(--warn); font-size: 1.05rem; margin: 0; }
.warnings ul { margin: .4rem 0; padding-left: 1.2rem; }
.layout { display: grid; grid-template-columns: 230px minmax(0, 1fr);
  gap: 28px; }
nav { position: sticky; top: 12px; align-self: start; max-height: 97vh;
  overflow: auto; font-size: .85rem; margin-top: 2rem; }
nav ol { list-style: none; margin: 0 0 .7rem; padding: 0; }
nav li { margin: 0; } nav a { display: block; padding: 3px 0;
  text-decoration: none; } nav a:hover { text-decoration: underline; }
nav strong { font-weight: 600; }
#unfold, .unfold { display: none; }
nav .absent a { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; padding: 14px 16px; margin: 0 0 16px; }
.missing { border-style: dashed; color: var(--soft); }
.missing p { margin: 0; }
.key { display: grid; gap: 12px; margin: 14px 0 0;
  grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr)); }
.key + p { margin-top: .5rem; } .key .card { margin: 0; }
.key dl { margin: 0; display: grid; gap: 2px 12px;
  grid-template-columns: auto auto; } .key dt { color: var(--soft); }
.key dd { margin: 0; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 0 0 .6rem; max-width: 100%; }
table { border-collapse: collapse; font-size: .88rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
.caption { font-weight: 600; font-size: .9rem; margin: .3rem 0 .1rem; }
th, td { text-align: left; vertical-align: top; padding: 5px 18px 5px 0;
  border-bottom: 1px solid var(--line); }
td.short, th.short { white-space: nowrap; }
td.long { min-width: 24ch; }
thead th { border-bottom: 2px solid var(--line); vertical-align: bottom; }
tbody th { font-weight: 500; max-width: 30ch; min-width: 12ch; }
tbody tr:nth-child(even) { background: var(--stripe); }
figure { margin: 0; }
figure img { display: block; height: auto; border-radius: 4px;
  width: min(100%, calc(var(--inches) * 110px));
  background: #ffffff; padding: 8px; }
code { white-space: nowrap; font-size: .95em; }
figcaption { margin-top: .5rem; max-width: 90ch; }
details > summary { cursor: pointer; color: var(--accent); margin: .4rem 0; }
.manuscript p { max-width: 85ch; margin: 0 0 .8rem; }
.files { font-size: .85rem; color: var(--soft); margin: .5rem 0 0; }
footer { color: var(--soft); font-size: .85rem; margin: 2rem 0 1rem; }
@media (max-width: 900px) { body { padding: 12px; }
  .layout { display: block; } nav { position: static; max-height: none;
  margin: 14px 0 0; font-size: 1rem; } .contents { display: none; }
  #unfold:checked ~ .contents { display: block; margin-top: .6rem; }
  #unfold { display: inline-block; margin: 0 8px 0 0; }
  .unfold { display: inline; cursor: pointer; }
  nav a { padding: 6px 0; } .card { padding: 12px; }
  th, td { padding-right: 14px; } figure img {
  min-width: calc(var(--inches) * 67px); } }
@media print { figure img { min-width: 0; }
  :root { color-scheme: light; --back: #fff; --card: #fff;
  --text: #000; --soft: #333; --line: #bbb; --accent: #000; --warn: #000;
  --warn-back: #fff; --stripe: #fff; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  nav { display: none; } .layout { display: block; }
  .card { border: 0; padding: 0; } .scroll { overflow: visible; }
  table { font-size: 7.5pt; } th, td { padding-right: 6px; }
  td.short, th.short { white-space: normal; }
  figure, tr { break-inside: avoid; } h2, h3, .caption { break-after: avoid; }
  details:not([open]) { display: none; } }
"""
