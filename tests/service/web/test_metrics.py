"""Numbers for Prometheus, read by a strict reader of its text format."""

from __future__ import annotations

import re

import pytest

from policysearch.service.job import State
from policysearch.service.web.metrics import Metric, as_text
from tests.support.web_client import house

NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.e+-]+|NaN|[+-]Inf)")
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The samples of a text in Prometheus's format 0.0.4; anything that is not of it is an error."""
    assert text.endswith("\n")
    samples, described, current = {}, set(), ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in described and len(line.split(" ", 3)) == 4
            described.add(current)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and kind in ("counter", "gauge", "histogram", "summary", "untyped")
        else:
            match = SAMPLE.fullmatch(line)
            assert match and match[1] == current, line
            labels = re.findall(LABEL, match[2] or "")
            assert len({name for name, _ in labels}) == len(labels)
            key = match[1], tuple((name, re.sub(r"\\.", lambda m: ESCAPES[m[0]], value)) for name, value in labels)
            assert key not in samples
            samples[key] = float(match[match.lastindex])
    return samples


def test_what_is_measured_is_what_there_is(tmp_path):
    with house(tmp_path / "state") as web:
        done = web.job("anna", State.DONE)
        web.job("ben", State.RUNNING)
        web.service.jobs.update(done.id, progress={"done": 40})
        web.job("ben")
        answer = web.client("admin").get("/metrics")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        samples = parsed(answer.text)
    states = {dict(labels)["state"]: value for (name, labels), value in samples.items() if name == "policysearch_jobs"}
    assert set(states) == set(State)
    assert {state: count for state, count in states.items() if count} == {"done": 1, "running": 1, "checking": 1}
    assert samples["policysearch_pulls", ()] == 40
    assert samples["policysearch_workers", (("place", "gpu:0"),)] == 4
    assert samples["policysearch_streams", ()] == 0
    assert samples["policysearch_queue_age_seconds", ()] >= 0


def test_any_name_is_a_label():
    odd = 'a"b\\c\nd{},='
    text = as_text(Metric("workers", "Workers.", [({"place": odd}, 2.5), ({"place": "x"}, 1e9)]))
    assert parsed(text) == {
        ("policysearch_workers", (("place", odd),)): 2.5,
        ("policysearch_workers", (("place", "x"),)): 1e9,
    }


@pytest.mark.parametrize(
    "text",
    [
        "policysearch_jobs 1\n",
        "# HELP a A.\n# TYPE a gauge\na 1",
        '# HELP a A.\n# TYPE a gauge\na{b="c"d"} 1\n',
        "# HELP a A.\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a A.\n# TYPE a gauge\na one\n",
    ],
)
def test_a_text_that_is_not_of_the_format_is_noticed(text):
    with pytest.raises(AssertionError):
        parsed(text)
