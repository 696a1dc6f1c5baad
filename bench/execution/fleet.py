"""GPUs of a machine that is not this one, for which a plan counts."""

import re
from dataclasses import dataclass

from bench.errors import SuiteError, listing, nearest
from bench.execution.speed_prior import PEAK_TFLOPS, known_kind


@dataclass(frozen=True)
class Fleet:
    """GPUs of one kind.

    Attributes:
        num_gpus: how many.
        kind: which, a key of `PEAK_TFLOPS`; None if that is not said.
    """

    num_gpus: int
    kind: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Fleet":
        """Returns what ``8`` or ``8xH100`` mean.

        Raises:
            SuiteError: no number of GPUs, or a kind that is not known.
        """
        found = re.fullmatch(r"(\d+)(?: *[x×] *(.+))?", text.strip())
        if found is None or int(found[1]) < 1:
            raise SuiteError(f"--gpus {text!r}: give how many, e.g. 8, or of which kind too, e.g. 8xH100")
        kind = None if found[2] is None else known_kind(found[2])
        if found[2] is not None and kind is None:
            hint = nearest(found[2], PEAK_TFLOPS)
            raise SuiteError(
                f"--gpus {text!r}: unknown kind {found[2]!r}; known: {listing(PEAK_TFLOPS)}{hint}"
            )
        return cls(int(found[1]), kind)
