"""How the page looks: light and dark by the reader's setting, two plots side by side where there is room."""

from __future__ import annotations

LIGHT_AND_DARK = (
    ("#005f9e", "#6ab7ff"),  # blue
    ("#b34700", "#ff9d5c"),  # vermilion
    ("#00785a", "#3fd0a4"),  # bluish green
    ("#a3357a", "#f08cc8"),  # purple
    ("#3a3f47", "#d5d9e0"),  # grey
    ("#7a5c00", "#e3c341"),  # ochre
    ("#2f7f8f", "#7fdbe8"),  # teal
    ("#5b3fa8", "#b9a4ff"),  # violet
)
"""A colour a strategy, on white and on near-black: the hues of Okabe and Ito (2008), each with at least 4.5 : 1 to the
page. Markers and dashes tell the strategies apart where colours cannot."""


def _colours(dark: bool) -> str:
    return " ".join(f"--s{k}: {both[dark]};" for k, both in enumerate(LIGHT_AND_DARK))


STYLESHEET = f"""
:root {{ color-scheme: light dark; --ink: #1b1f24; --page: #ffffff; --soft: #57606a; --line: #d0d7de;
  --card: #f5f7f9; {_colours(False)} }}
@media screen and (prefers-color-scheme: dark) {{
  :root {{ --ink: #e6e9ee; --page: #14181d; --soft: #a3adb8; --line: #3a434d; --card: #1d232a; {_colours(True)} }}
}}
body {{ margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }}
main {{ max-width: 76rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; margin: 0.5rem 0 1rem; }}
h2 {{ font-size: 1.2rem; margin: 2.5rem 0 0.75rem; border-bottom: 1px solid var(--line); padding-bottom: 0.25rem; }}
h3 {{ font-size: 1rem; margin: 1.5rem 0 0.5rem; }}
.verdict {{ border-left: 0.3rem solid var(--s0); background: var(--card); padding: 0.6rem 1rem; margin: 0.6rem 0; }}
.verdict p {{ margin: 0; }}
.verdict p + p {{ margin-top: 0.5rem; }}
.verdict p, .verdict .title {{ overflow-wrap: anywhere; }}
.verdict .title {{ border: 0; margin: 0 0 0.2rem; padding: 0; font-size: 1.05rem; }}
.caution, .note {{ color: var(--soft); font-size: 0.92rem; max-width: 60rem; }}
.plots {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.25rem;
  margin: 0 0 1.25rem; }}
.tables {{ display: flex; flex-wrap: wrap; gap: 0 2.5rem; }}
.tables > div {{ max-width: 100%; }}
figure {{ margin: 0; }}
figure svg {{ display: block; width: 100%; height: auto; max-width: 36rem; margin: 0 auto; }}
figure svg.chart {{ max-width: 32rem; overflow: visible; }}
svg.chart text {{ font: 12px system-ui, sans-serif; fill: currentColor; }}
svg.chart text.title {{ font-weight: 600; font-size: 13px; }}
svg.chart text.soft {{ fill: var(--soft); }}
svg.chart text.middle {{ text-anchor: middle; }}
svg.chart text.end {{ text-anchor: end; }}
svg.chart .grid {{ fill: none; stroke: var(--line); stroke-width: 0.7; }}
svg.chart .zero {{ fill: none; stroke: currentColor; stroke-width: 1.4; }}
{" ".join(f"svg.chart .c{k} {{ color: var(--s{k}); }}" for k in range(len(LIGHT_AND_DARK)))}
svg.chart .area {{ fill: currentColor; opacity: 0.13; }}
svg.chart .curve {{ fill: none; stroke: currentColor; stroke-width: 1.7; }}
svg.chart .curve.thin {{ stroke-width: 1; }}
svg.chart .bar {{ fill: none; stroke: currentColor; stroke-width: 6; opacity: 0.5; }}
svg.chart .thin-bar {{ fill: none; stroke: currentColor; stroke-width: 1.4; }}
svg.chart .dot {{ fill: currentColor; fill-opacity: 0.85; }}
svg.chart .hollow {{ fill: var(--page); stroke: currentColor; stroke-width: 1.6; }}
svg.chart .faint {{ fill-opacity: 0.45; }}
svg.chart .mean {{ fill: none; stroke: currentColor; stroke-width: 3; }}
svg.chart .axis {{ fill: none; stroke: var(--soft); stroke-width: 1.4; }}
svg.chart .halo {{ paint-order: stroke; stroke: var(--page); stroke-width: 3px; stroke-linejoin: round; }}
svg.chart .thread {{ fill: none; stroke: currentColor; stroke-width: 1.1; opacity: 0.3; }}
svg.chart .thread.best {{ stroke-width: 1.8; opacity: 0.9; }}
svg.chart .thread:hover {{ stroke: var(--ink); stroke-width: 3; opacity: 1; }}
.broad {{ overflow-x: auto; margin: 0.5rem 0; }}
.broad svg.chart {{ width: auto; height: 21rem; max-width: none; margin: 0; }}
svg.chart .dot:hover, svg.chart .hollow:hover {{ stroke: var(--ink); stroke-width: 2; fill-opacity: 1; }}
svg.chart .bar:hover {{ opacity: 0.8; }}
figure svg text {{ font-family: system-ui, sans-serif !important; }}
figure img {{ display: block; width: 100%; height: auto; border: 1px solid var(--line); box-sizing: border-box; }}
figure img.small {{ image-rendering: pixelated; }}
.gallery {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr));
  gap: 0.9rem 1.25rem; }}
.gallery figcaption {{ font-size: 0.85rem; overflow-wrap: anywhere; }}
.shots {{ display: grid; grid-template-columns: repeat(6, minmax(0, 9rem)); gap: 0.6rem; margin: 0 0 1rem; }}
.shots figcaption {{ font-size: 0.8rem; line-height: 1.3; overflow-wrap: anywhere; }}
.shots strong {{ display: block; }}
.words {{ white-space: pre-wrap; overflow-wrap: anywhere; max-width: 60rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); padding: 0.6rem 1rem; }}
nav {{ display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; font-size: 0.92rem; margin: 1.25rem 0 0; }}
a {{ color: var(--s0); text-underline-offset: 0.15em; }}
a:focus-visible, button:focus-visible, input:focus-visible {{ outline: 2px solid var(--s0); outline-offset: 2px; }}
h2 {{ scroll-margin-top: 0.5rem; }}
code {{ font: 0.92em ui-monospace, monospace; background: var(--card); padding: 0.05rem 0.25rem;
  overflow-wrap: anywhere; }}
pre {{ font: 0.88rem/1.5 ui-monospace, monospace; position: relative; }}
.wide {{ overflow: auto; max-height: 44rem; margin: 0.5rem 0 0.25rem; }}
.tools {{ display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; align-items: center; margin: 0 0 1.25rem;
  font-size: 0.85rem; }}
.tools input {{ font: inherit; width: 12rem; padding: 0.15rem 0.4rem; color: inherit; background: var(--page);
  border: 1px solid var(--line); }}
thead th button {{ font: inherit; color: inherit; text-align: inherit; background: none; border: 0; padding: 0;
  cursor: pointer; }}
th[aria-sort="ascending"] button::after {{ content: " ▲"; }}
th[aria-sort="descending"] button::after {{ content: " ▼"; }}
.copy {{ position: absolute; right: 0.4rem; top: 0.4rem; font: 0.8rem system-ui, sans-serif; color: inherit;
  background: var(--page); border: 1px solid var(--line); padding: 0.1rem 0.5rem; cursor: pointer; }}
#tip {{ position: fixed; z-index: 9; pointer-events: none; max-width: 22rem; padding: 0.25rem 0.5rem;
  font-size: 0.85rem; background: var(--ink); color: var(--page); overflow-wrap: anywhere; }}
.wide:focus-visible {{ outline: 2px solid var(--s0); }}
table {{ border-collapse: separate; border-spacing: 0; font-size: 0.9rem; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; padding: 0.25rem 0; }}
th, td {{ padding: 0.3rem 0.7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }}
thead th {{ color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; min-width: 3rem;
  position: sticky; top: 0; background: var(--page); }}
th:first-child, td.text {{ text-align: left; }}
tbody th {{ font-weight: 400; white-space: normal; overflow-wrap: anywhere; min-width: 8rem; max-width: 18rem; }}
td.text {{ white-space: normal; min-width: 16rem; }}
tbody th, thead th:first-child {{ position: sticky; left: 0; background: var(--page); }}
thead th:first-child {{ z-index: 1; }}
tr.use > * {{ font-weight: 700; }}
summary {{ cursor: pointer; padding: 0.4rem 0; font-weight: 600; }}
dl {{ display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: 0.3rem 1rem; font-size: 0.92rem; }}
dt {{ color: var(--soft); }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
dl.commands {{ display: block; max-width: 60rem; }}
dl.commands pre {{ margin: 0.2rem 0 0.8rem; padding-right: 4.5rem; }}
ul {{ max-width: 60rem; padding-left: 1.2rem; }}
@media (max-width: 36rem) {{
  main {{ padding: 0.5rem 0.9rem 3rem; }}
  dl {{ grid-template-columns: 1fr; gap: 0; }}
  dd {{ margin-bottom: 0.6rem; }}
  tbody th {{ min-width: 6.5rem; max-width: 8.5rem; }}
  th, td {{ padding: 0.3rem 0.5rem; }}
  .shots {{ grid-template-columns: repeat(3, 1fr); }}
}}
@media print {{
  :root {{ color-scheme: light; }}
  body {{ font-size: 0.8rem; }}
  main {{ max-width: none; padding: 0; }}
  nav, .tools, .copy, #tip {{ display: none; }}
  .wide, .broad {{ overflow: visible; max-height: none; }}
  .broad svg.chart {{ height: auto; width: auto; max-width: 100%; max-height: 20rem; }}
  tbody tr:nth-child(n + 61) {{ display: none; }}
  th, td, td.text {{ white-space: normal; min-width: 0; padding: 0.15rem 0.4rem; }}
  table {{ font-size: 0.75rem; }}
  thead th, tbody th, thead th:first-child {{ position: static; min-width: 0; }}
  figure, tr, .shots {{ break-inside: avoid; }}
  h2, h3, caption {{ break-after: avoid; }}
  .plots {{ grid-template-columns: 1fr 1fr; }}
  details::details-content {{ content-visibility: visible; height: auto; }}
}}
"""
