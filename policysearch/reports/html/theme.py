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
@media (prefers-color-scheme: dark) {{
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
.verdict p, .verdict h2 {{ overflow-wrap: anywhere; }}
.verdict h2 {{ border: 0; margin: 0 0 0.2rem; padding: 0; font-size: 1.05rem; }}
.caution, .note {{ color: var(--soft); font-size: 0.92rem; max-width: 60rem; }}
.plots {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.25rem; }}
figure {{ margin: 0; }}
figure svg {{ display: block; width: 100%; height: auto; max-width: 36rem; margin: 0 auto; }}
figure svg text {{ font-family: system-ui, sans-serif !important; }}
figure img {{ display: block; width: 100%; height: auto; border: 1px solid var(--line); box-sizing: border-box; }}
figure img.small {{ image-rendering: pixelated; }}
.shots {{ display: grid; grid-template-columns: repeat(6, minmax(0, 9rem)); gap: 0.6rem; margin: 0 0 1rem; }}
.shots figcaption {{ font-size: 0.8rem; line-height: 1.3; overflow-wrap: anywhere; }}
.shots strong {{ display: block; }}
.words {{ white-space: pre-wrap; overflow-wrap: anywhere; max-width: 60rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); padding: 0.6rem 1rem; }}
.wide {{ overflow-x: auto; margin: 0.5rem 0 1.25rem; }}
.wide:focus-visible {{ outline: 2px solid var(--s0); }}
table {{ border-collapse: separate; border-spacing: 0; font-size: 0.9rem; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; padding: 0.25rem 0; }}
th, td {{ padding: 0.3rem 0.7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }}
thead th {{ color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; min-width: 3rem; }}
th:first-child, td.text {{ text-align: left; }}
tbody th {{ font-weight: 400; white-space: normal; overflow-wrap: anywhere; min-width: 8rem; max-width: 18rem; }}
td.text {{ white-space: normal; min-width: 16rem; }}
tbody th, thead th:first-child {{ position: sticky; left: 0; background: var(--page); }}
tr.use > * {{ font-weight: 700; }}
summary {{ cursor: pointer; padding: 0.4rem 0; font-weight: 600; }}
dl {{ display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: 0.3rem 1rem; font-size: 0.92rem; }}
dt {{ color: var(--soft); }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
@media (max-width: 36rem) {{
  main {{ padding: 0.5rem 0.9rem 3rem; }}
  dl {{ grid-template-columns: 1fr; gap: 0; }}
  dd {{ margin-bottom: 0.6rem; }}
  tbody th {{ min-width: 6.5rem; max-width: 8.5rem; }}
  th, td {{ padding: 0.3rem 0.5rem; }}
  .shots {{ grid-template-columns: repeat(3, 1fr); }}
}}
@media print {{ .plots {{ break-inside: avoid; }} }}
"""
