"""Hooks of MkDocs: the order of the pages, the pages of the API, the notebook, and links to files of the repository."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "first_search.ipynb"
API = {
    "Searches": ["search", "resume", "SearchConfig", "SearchResult", "UserError"],
    "Policies": ["Policy", "with_classes", "curriculum", "decayed"],
    "Your own training": [
        *(
            "augment",
            "augment_lines",
            "augment_masks",
            "augment_targets",
            "replay",
            "soft_loss",
            "views",
            "drawn_views",
        ),
        "activation_maps",
    ],
    "Losses": ["make_loss", "parse_loss"],
    "Operations": ["Operation", "register", "KINDS"],
    "Judging": ["evaluate", "EvaluateSettings"],
    "One network, views at test time": ["online", "OnlineSettings", "tta", "TtaSettings", "TtaPolicy"],
    "Your own study": ["RuleSampler"],
}
"""The public names by subject: a page each. A name that is missing here, or that is not public, ends the build."""
EXAMPLE = "Example"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Order the pages as the guide's index does."""
    index = (Path(config.docs_dir) / "index.md").read_text(encoding="utf-8")
    groups = [
        {group.partition("\n")[0]: re.findall(r"^- \[.+?\]\(([a-z-]+\.md)\)", group, re.MULTILINE)}
        for group in index.split("\n## ")[1:]
    ]
    config.nav = ["index.md", {EXAMPLE: [f"{NOTEBOOK.stem}.md"]}, *groups, {"API": [api_page(title) for title in API]}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of something else than Markdown."""
    homes = homes_of_public_names()
    for title, names in API.items():
        entries = "\n\n".join(api_entry(homes[name], name) for name in names)
        files.append(File.generated(config, api_page(title), content=f"# {title}\n\n{entries}\n"))
    content = notebook_as_markdown(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    files.append(File.generated(config, f"{NOTEBOOK.stem}.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Say where in the repository a file is, in place of a link that leads out of the site."""
    return re.sub(r"\[([^\]]+)\]\((?:\.\./)+([^)]+)\)", in_the_repository, markdown)


def in_the_repository(link: re.Match[str]) -> str:
    text, path = link.groups()
    return f"`{path}`" if text.strip("`") == path else f"{text} (`{path}`)"


def api_entry(home: str, name: str) -> str:
    """An object under the name by which it is imported, documented from the module that it is defined in."""
    return f"::: {home}.{name}\n    options:\n      heading: policysearch.{name}\n      toc_label: {name}"


def api_page(title: str) -> str:
    return f"api-{re.sub('[^a-z]+', '-', title.lower())}.md"


def homes_of_public_names() -> dict[str, str]:
    """The module of every public name.

    Raises:
        PluginError: the API's pages lack a public name, or have one that is none.
    """
    sys.path.insert(0, str(ROOT))
    try:
        from policysearch import _HOME
    finally:
        sys.path.remove(str(ROOT))
    listed = [name for names in API.values() for name in names]
    if sorted(listed) != sorted(_HOME):
        difference = sorted(set(listed) ^ set(_HOME)) or "a name that is listed twice"
        raise PluginError(f"docs/hooks.py: API and policysearch.__all__ differ by {difference}")
    return dict(_HOME)


def notebook_as_markdown(notebook: dict) -> str:
    """The cells of a notebook with what they printed and drew."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
        else:
            parts += [f"```python\n{text}\n```", *map(output_as_markdown, cell["outputs"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def output_as_markdown(output: dict) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        return f'<img alt="what the cell draws" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">'
    text = "".join(output.get("text", data.get("text/plain", ""))).rstrip()
    return f"```text\n{text}\n```" if text else ""
