"""An online search from its settings to its files."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from policysearch.core.command import command
from policysearch.core.errors import in_one_line
from policysearch.core.settings import Mark
from policysearch.core.user_code import function_digest, import_all
from policysearch.experiments.continuation import changed_settings
from policysearch.experiments.online.plot import write_plot
from policysearch.experiments.online.prepare import MARK, PHASES, Prepared, prepare
from policysearch.experiments.online.report import write_page
from policysearch.experiments.online.schedule import schedule_of
from policysearch.experiments.online.settings import OnlineSettings, TrainingSettings
from policysearch.experiments.online.summary import FILE, Summary, read_summary, summary, write_summary
from policysearch.experiments.online.training import CHECKPOINT, NETWORK, train_online
from policysearch.experiments.progress import Listener, Status
from policysearch.experiments.resolve import default_folder
from policysearch.experiments.session import Session
from policysearch.policy.policy import Policy
from policysearch.rules import RULES
from policysearch.rules.registry import own_rule_named
from policysearch.study.config import load_config
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.pinned_settings import pin, training_settings
from policysearch.study.rows import FAILED
from policysearch.study.run_folder import RunFolder
from policysearch.study.stretch_metrics import STRETCH_METRICS

PICTURE = "online.png"


@dataclass(frozen=True)
class Online:
    """The result of an online search.

    Attributes:
        folder: of its files.
        policy: the schedule, a policy with stages.
        network: the file with the trained weights.
        summary: what is reported.
    """

    folder: Path
    policy: Policy
    network: Path
    summary: Summary


def online(
    settings: OnlineSettings | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    listener: Listener = lambda status: None,
) -> Online:
    """Train one network, a rule choosing the policy of each stretch from the rewards of those before it.

    The same call again continues a search that was stopped, or returns the result. The test part is not read.

    Args:
        settings: the rule, the reward and the length of a stretch; by default exp3:rate=1, entropy and one epoch.
        values: settings of `SearchConfig` that differ from the defaults: data, model, space, epochs, out and so on;
            without `images` the whole training side is trained on.
        listener: called with the progress.

    Raises:
        UserError: a setting is wrong, or differs from what the folder's search began with; nothing was written.
        RunFailed: the training diverged, or memory ran out.
        KeyboardInterrupt: what was trained is kept, and the same call continues.

    Example:
        >>> from policysearch import OnlineSettings, online
        >>> result = online(OnlineSettings(rule="exp3"), {"epochs": 40, "out": "results/online"})  # doctest: +SKIP
        >>> result.policy.save("schedule.json")  # doctest: +SKIP
    """
    values = {"out": default_folder("online"), **{k: v for k, v in (values or {}).items() if v is not None}}
    prepared = prepare(settings or OnlineSettings(), values, listener)
    again = command("resume", prepared.folder.path)
    with Session(prepared.config, listener, again) as session:
        session.lock()
        if prepared.new:
            session.folder.must_be_new()
            _mark(prepared)
        if not session.folder.config.exists():
            session.keep_settings(space=True)
        stores = session.open_stores(prepared.space, new=prepared.new, phases=PHASES, metrics=STRETCH_METRICS)
        _pin(stores["online"], prepared)
        if (prepared.folder.path / FILE).exists():
            return read_online(prepared.folder.path)
        return _run(prepared, session)


def read_online(folder: Path) -> Online:
    """Read the result of an online search that has ended; the user's operations in its policy are imported.

    Raises:
        UserError: it has not, its files are damaged, or an operation cannot be imported.
    """
    run = RunFolder(folder)
    if run.config.exists():
        import_all(load_config(run.config).operations)
    return Online(folder, Policy.load(folder / "policy.json"), folder / NETWORK, read_summary(folder))


def _mark(prepared: Prepared) -> None:
    """Write how policies are chosen into the folder."""
    text = tomli_w.dumps(prepared.settings.model_dump(exclude_none=True))
    (prepared.folder.path / MARK).write_text(text, encoding="utf-8")


def _pin(store: OptunaTrialStore, prepared: Prepared) -> None:
    """Store what the training depends on; when it is continued, check that nothing has changed.

    Raises:
        UserError: a setting differs.
    """
    rule = prepared.settings.rule
    names = TrainingSettings.setting_names(Mark.FIXED)
    training = training_settings(prepared.config, prepared.dataset.digest, names)
    settings = {
        **prepared.settings.model_dump(),
        **training,
        "space.toml": hashlib.sha256(prepared.folder.space.read_bytes()).hexdigest(),
    }
    if own_rule_named(rule) and rule.partition(":")[0] not in RULES:
        settings["the rule's source"] = function_digest(rule)
    change = pin(store, settings)
    if change:
        raise changed_settings(prepared.folder, change, "online search", "give what it was begun with")


def _run(prepared: Prepared, session: Session) -> Online:
    store = session.stores["online"]
    total = len(prepared.stretches)
    session.say(_announcement(prepared))
    session.write_trials()

    def progress(done: int) -> None:
        session.listener(Status("online", done, total, None, sum(row.state == FAILED for row in store.rows)))

    try:
        metrics = train_online(prepared, store, progress, session.say)
    finally:
        session.write_trials()
    return _write(prepared, store, metrics)


def _announcement(prepared: Prepared) -> str:
    width = prepared.chooser.width
    side = f", {width} policies side by side" if width > 1 else ""
    return (
        f"one network, {prepared.config.epochs} epochs on {prepared.config.images:,} images, in "
        f"{len(prepared.stretches)} stretches{side}, on {prepared.config.device}"
    )


def _write(prepared: Prepared, store: OptunaTrialStore, metrics: dict[str, Any]) -> Online:
    folder = prepared.folder
    result = summary(prepared, store.rows, metrics)
    name = f"online {prepared.settings.rule}"
    about = {"source": "online", **{key: result.about[key] for key in ("rule", "reward", "space", "data", "epochs")}}
    policy = schedule_of(store.rows, prepared.stretches, name).model_copy(update={"about": about})
    policy.save(folder.policy)
    try:
        write_plot(result, folder.path / PICTURE)
        write_page(result, policy, folder.report)
    except Exception as error:
        reason = in_one_line(error)
        warnings.warn(f"the search is complete, but its page could not be made: {reason}", stacklevel=4)
    write_summary(result, folder.path)
    with suppress(OSError):
        (folder.path / CHECKPOINT).unlink(missing_ok=True)
    return Online(folder.path, policy, folder.path / NETWORK, result)
