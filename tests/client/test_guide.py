"""The guide's Python for the service is executed against a served service, whose jobs end at once."""

from __future__ import annotations

from policysearch.client import DataSet, Job
from policysearch.policy.presets import preset
from policysearch.service.data_set import DataState
from policysearch.service.job import State
from tests.support.markdown import python_pages
from tests.support.upload_files import images
from tests.support.web_client import PATH_TO_RUNNING


def test_the_guide_says_what_works(live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, data in images().items():
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / name).write_bytes(data)

    def wait(job, timeout=None, on_event=None):
        for state in (*PATH_TO_RUNNING, State.DONE):
            live.service.jobs.enter(job.id, state)
        run = live.service.folder.job(job.id).run
        run.mkdir(parents=True)
        preset("randaugment").save(run / "policy.json")
        (run / "trials.csv").write_text("phase,number\r\nsearch,0\r\n")
        return "done"

    monkeypatch.setattr(Job, "wait", wait)
    monkeypatch.setattr(
        DataSet, "wait", lambda data_set: live.service.data_sets.update(data_set.id, state=DataState.READY)
    )
    names: dict[str, object] = {}
    for text in python_pages()["remote"]:
        here = text.replace("http://127.0.0.1:8800", live.url).replace("ps_...", live.tokens["anna"])
        exec(compile(here, "remote", "exec"), names)
    assert (tmp_path / "policy.json").exists()
    search = names["mine"]
    assert isinstance(search, Job) and search.info()["wanted"] == "stop"
