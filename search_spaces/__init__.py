"""The named spaces, as data: one TOML file each, whose form `policysearch.policy.space_files` describes."""

from importlib.resources import files

__all__ = ["names", "text"]


def names() -> list[str]:
    """The spaces that ship with the program, sorted."""
    return sorted(f.name.removesuffix(".toml") for f in files(__name__).iterdir() if f.name.endswith(".toml"))


def text(name: str) -> str:
    """The TOML text of a shipped space."""
    return (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
