"""Which setting a sentence is about, for forms that show it there."""

from __future__ import annotations

import re

_FLAG = re.compile(r"--([a-z][a-z0-9-]*)")
_WORD = re.compile(r"[a-z][a-z0-9_]*")


def setting_of(sentence: str) -> str:
    """The setting that an error's sentence is about; empty where it names none.

    Example:
        >>> setting_of("--images 5000 is more than the 3000 of the training part")
        'images'
        >>> setting_of("cannot read 'x'")
        ''
    """
    from policysearch.study.config import SearchConfig

    names = set(SearchConfig.model_fields)
    flag = next((name for text in _FLAG.findall(sentence) if (name := text.replace("-", "_")) in names), "")
    if flag:
        return flag
    words = _WORD.findall(sentence)
    return words[0] if words and words[0] in names else ""
