"""One training on lines of text at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from policysearch.child.judgement import Judgement
from policysearch.child.out_of_memory import evaluation_batch
from policysearch.child.text_lines.alphabet import Alphabet
from policysearch.child.text_lines.ctc import ctc_losses, steps_of
from policysearch.child.text_lines.line_batches import augmented_lines, texts_at, widths_at
from policysearch.child.text_lines.reader import fits_in, line_scores
from policysearch.child.training_run import TrainingRun
from policysearch.child.training_spec import ChildError
from policysearch.core.readable import counted


class LineRun(TrainingRun):
    """A training that minimises CTC's loss; all but the steps and the judgement is as for `TrainingRun`.

    The network of its spec gives logits [B, T, classes], class 0 the blank.
    """

    def begin(self) -> None:
        """Make the network; its first weights come from torch's global generator, as it is now.

        Raises:
            ChildError: it takes fewer steps along a line than a string needs.
        """
        super().begin()
        self._alphabet = Alphabet.of(self.spec.data.texts)
        self._fits = fits_in(self._pixels_per_step())
        self._refuse_lines_too_short()

    @torch.no_grad()
    def _pixels_per_step(self) -> float:
        """Pixels of width over steps, of the network."""
        data = self.spec.data
        self.learner.network.eval()
        logits = self.learner.logits(data.normalise(data.images[:1]))
        return data.images.shape[3] / logits.shape[1]

    def _refuse_lines_too_short(self) -> None:
        data = self.spec.data
        lines = zip(data.texts, data.widths, strict=True)
        unfit = [(text, width) for text, width in lines if not self._fits(text, width)]
        if unfit:
            text, width = unfit[0]
            number = counted(len(unfit), "line has", "lines have")
            raise ChildError(
                f"{number} fewer steps of the network than CTC needs, such as {text!r} on {width} pixels: give a wider "
                "--resize, or a network with more steps"
            )

    def _train_on(self, batches: Sequence[Tensor], first: int, rate: Callable[[int], float], total: int) -> None:
        """Take one step on each of the batches, the first of which is step `first` of `total`."""
        spec, data, learner = self.spec, self.spec.data, self.learner
        feed = augmented_lines(
            spec.policy,
            data,
            batches,
            step=first,
            steps=total,
            generator=self._generators.draws,
            fits=self._fits,
        )
        learner.train()
        for step, (images, texts, widths) in enumerate(self.clock.timed(feed), first):
            mark = time.perf_counter()
            logits = learner.logits(data.normalise(images))
            lengths = steps_of(widths, images.shape[3], logits.shape[1])
            losses = ctc_losses(logits, [self._alphabet.encode(text) for text in texts], lengths, spare=True)
            # Long lines have large losses; per character, one rate suits lines of any length.
            characters = torch.tensor([max(1, len(text)) for text in texts], device=losses.device)
            learner.update((losses / characters).mean(), rate(step))
            self.clock.steps += time.perf_counter() - mark
            self.total += losses.detach().sum()

    def validate(self, epoch: int) -> None:
        """Measure the network on the validation part."""
        mark = time.perf_counter()
        self.judgement = Judgement(self._read(self.spec.data.validation))
        self.clock.evaluation += time.perf_counter() - mark
        self._add_point(epoch)

    def finish(self) -> dict[str, float]:
        """Stop the clock, and return the scores on the clean subset."""
        train_scores = self._read(self._subset)
        self.clock.stop()
        return train_scores

    def _read(self, rows: Tensor) -> dict[str, float]:
        data = self.spec.data
        self.learner.judged.eval()
        return line_scores(self.learner.answers, self._inputs(rows), texts_at(data, rows), self._alphabet)

    def _inputs(self, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalised images and widths, a part of the rows at a time."""
        data = self.spec.data
        for part in rows.split(evaluation_batch(self.spec.recipe)):
            yield data.normalise(data.images[part]), widths_at(data, part)
