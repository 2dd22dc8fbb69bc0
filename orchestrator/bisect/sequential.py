# SPDX-License-Identifier: Apache-2.0
"""How many blocks it takes until the answer of a revision can be trusted. Pure.

A block of a good revision may fail by chance, and one of a bad revision may pass. Given how often each
happens at most, blocks are made until one of both explanations is `1 / error` times as likely as the
other. This is the sequential probability ratio test: A. Wald, "Sequential Tests of Statistical
Hypotheses", The Annals of Mathematical Statistics 16 (1945), 117-186. With his limits A = 1 / error and
B = error a revision gets the wrong answer with a probability of `error` at most, however long it goes on
and wherever it is given up (Ville's inequality: of a martingale that begins at 1 the supremum reaches
1 / error with that probability at most).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.bisect.answer import Answer


@dataclass(frozen=True)
class Blocks:
    """Blocks that say something: how many met the expectations, and how many did not."""

    met: int = 0
    not_met: int = 0

    @property
    def count(self) -> int:
        """All of them."""
        return self.met + self.not_met

    def __add__(self, other: Blocks) -> Blocks:
        return Blocks(self.met + other.met, self.not_met + other.not_met)


@dataclass(frozen=True)
class Trust:
    """What is known of the fault, and how far answers are to be trusted.

    `stray`: at most this share of the blocks of a good revision fails. `shows`: at least this share of those
    of a bad one does. `error`: the probability of a wrong answer, of one revision, at most.
    0 < stray < shows < 1 and 0 < error < 1/2; ValueError with the sentence why not.
    """

    stray: float = 0.1
    shows: float = 0.9
    error: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.stray < 1 or not 0 < self.shows < 1:
            raise ValueError("a share lies between 0 and 1, and is neither: nothing is ever certain")
        if self.stray >= self.shows:
            raise ValueError(
                f"blocks of a bad revision must fail more often than those of a good one: {self.shows:g} is"
                f" not more than {self.stray:g}"
            )
        if not 0 < self.error < 1 / 2:
            raise ValueError(
                f"an error of {self.error:g} is no better than a coin: less than 0.5 is asked for"
            )

    def log_ratio(self, blocks: Blocks) -> float:
        """Natural logarithm of how many times as likely these blocks are at a bad revision."""
        return blocks.not_met * self._bad_step - blocks.met * self._good_step

    def answer(self, blocks: Blocks) -> Answer | None:
        """What these blocks say; None: not enough to say it."""
        ratio = self.log_ratio(blocks)
        if ratio >= self._limit:
            return Answer.BAD
        return Answer.GOOD if ratio <= -self._limit else None

    def fewest_more(self, blocks: Blocks) -> int:
        """The number of further blocks after which there may be an answer at the earliest."""
        ratio = self.log_ratio(blocks)
        bad = math.ceil((self._limit - ratio) / self._bad_step)
        good = math.ceil((self._limit + ratio) / self._good_step)
        return max(0, min(bad, good))

    @property
    def fewest(self) -> int:
        """The number of blocks that no answer does without."""
        return self.fewest_more(Blocks())

    @property
    def _limit(self) -> float:
        return -math.log(self.error)

    @property
    def _bad_step(self) -> float:
        return math.log(self.shows / self.stray)

    @property
    def _good_step(self) -> float:
        return math.log((1 - self.stray) / (1 - self.shows))
