"""How the page looks: one style sheet, for screen and paper."""

from __future__ import annotations

GOOD = "#2f6b4f"
BAD = "#a5342b"
UNSURE = "#8a6414"
QUIET = "#8b9097"

CSS = """
:root { --ink: #22262b; --soft: #667079; --line: #e3dfd6; --paper: #fbfaf7; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 "Inter", "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 44px 40px 64px; }
header.top { display: flex; gap: 26px; align-items: center; padding: 28px 32px;
  background: #fff; border: 1px solid var(--line); border-radius: 14px;
  border-top: 5px solid var(--tone); }
header.top svg { flex: none; }
h1 { margin: 0; font-size: 34px; line-height: 1.15; font-weight: 650;
  letter-spacing: -0.015em; color: var(--tone); }
header.top p { margin: 6px 0 0; font-size: 16px; overflow-wrap: anywhere; }
.eyebrow { font-size: 13px; color: var(--soft); margin: 0 0 5px;
  overflow-wrap: anywhere; }
.eyebrow b { font-weight: 560; }
section { margin-top: 40px; }
h2 { font-size: 19px; font-weight: 620; letter-spacing: -0.005em; margin: 0 0 10px; }
h2:has(+ .lead) { margin-bottom: 3px; }
h3 { font-size: 15px; font-weight: 620; margin: 22px 0 12px; }
h3.first { margin-top: 0; }
h3 span.quiet { font-weight: 400; }
.lead { margin: 0 0 14px; color: var(--soft); max-width: 76ch; }
dl.facts { display: grid; grid-template-columns: 150px 1fr; gap: 6px 18px; margin: 0;
  padding: 20px 26px; background: #fff; border: 1px solid var(--line);
  border-radius: 12px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.numbers { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px;
  margin-top: 16px; }
.number { background: #fff; border: 1px solid var(--line); border-radius: 12px;
  padding: 16px 20px; }
.number b { display: block; font-size: 25px; font-weight: 620; line-height: 1.2;
  font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.number span { color: var(--soft); font-size: 13px; }
.card { background: #fff; border: 1px solid var(--line); border-radius: 12px;
  padding: 20px 26px; }
.card + .card { margin-top: 14px; }
code, .mono { font: 12.5px/1.5 ui-monospace, "SFMono-Regular", "DejaVu Sans Mono",
  Menlo, Consolas, monospace; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { text-align: left; font-weight: 560; color: var(--soft); font-size: 12.5px;
  padding: 0 14px 7px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 8px 14px 8px 0; border-bottom: 1px solid #f0ede6; vertical-align: top;
  overflow-wrap: anywhere; unicode-bidi: isolate; }
td code { white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
td.w { width: 34%; }
.tag { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 12.5px;
  font-weight: 560; white-space: nowrap; border: 1px solid currentColor; }
.good { color: #2f6b4f; } .bad { color: #a5342b; } .unsure { color: #8a6414; }
.quiet { color: #667079; }
.bar { height: 8px; border-radius: 4px; background: #4f7d9b; min-width: 2px;
  margin-top: 6px; }
ul.plain { list-style: none; margin: 0; padding: 0; }
ul.plain li { padding: 7px 0 7px 26px; position: relative; }
ul.plain li::before { position: absolute; left: 2px; font-weight: 700; }
ul.did li::before { content: "\\2713"; color: #2f6b4f; }
ul.not li::before { content: "\\2013"; color: #8b9097; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; }
.columns .card + .card { margin-top: 0; }
.none { color: var(--soft); margin: 0; }
.more { color: var(--soft); font-size: 13px; margin: 10px 0 0; }
svg text { font: 12px "Inter", "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  fill: #667079; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; font-size: 13px;
  color: var(--soft); margin-top: 10px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 50%;
  margin-right: 7px; }
.legend i.ring { border: 2px solid #667079; }
footer { margin-top: 44px; padding-top: 16px; border-top: 1px solid var(--line);
  color: var(--soft); font-size: 13px; }
@media (max-width: 760px) { td code { white-space: normal; }
  main { padding: 20px 16px; }
  .numbers, .columns { grid-template-columns: 1fr 1fr; }
  dl.facts { grid-template-columns: 1fr; } .columns { grid-template-columns: 1fr; } }
@media print { body { background: #fff; } main { padding: 0; max-width: none; }
  section, .card { break-inside: avoid-page; } }
"""
