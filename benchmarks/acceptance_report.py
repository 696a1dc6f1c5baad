"""What an acceptance finds: lines as they come, a JSON file that is whole after each, a table of goals."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["PASS", "FAIL", "INFO"]
Fact = float | str | bool


@dataclass(frozen=True)
class Goal:
    """A number that is wanted.

    Attributes:
        name: of what, with its unit.
        least: the least that reaches the goal.
        measured: what there is; None if nothing was measured.
    """

    name: str
    least: float
    measured: float | None = None

    def __str__(self) -> str:
        if self.measured is None:
            return f"  {self.name:<52}{self.least:>9,.2f}{'—':>12}"
        reached = "reached" if self.measured >= self.least else "missed"
        return f"  {self.name:<52}{self.least:>9,.2f}{self.measured:>12,.2f}  {reached}"


@dataclass
class Report:
    """All that was found so far.

    Attributes:
        path: the JSON file.
        goals: by name; `reach` fills in what is measured.
    """

    path: Path
    goals: dict[str, Goal]
    _lines: list[dict[str, Fact]] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        """Time since the report was begun."""
        return time.monotonic() - self._started

    @property
    def num_failed(self) -> int:
        """How many checks, sections and goals have failed."""
        return sum(line["kind"] == "FAIL" for line in self._lines)

    def say(self, kind: Kind, what: str, **facts: object) -> None:
        """Prints a line and keeps it."""
        plain = {name: fact if isinstance(fact, Fact) else str(fact) for name, fact in facts.items()}
        shown = [
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in plain.items()
        ]
        print(f"[{self.elapsed_s:5.0f} s] {kind}  {'   '.join([what, *shown])}", flush=True)
        self._lines.append({"kind": kind, "what": what, "at_s": round(self.elapsed_s, 1), **plain})
        self._write()

    def info(self, what: str, **facts: object) -> None:
        """Prints and keeps facts."""
        self.say("INFO", what, **facts)

    def check(self, what: str, is_true: bool, **facts: object) -> None:
        """Prints and keeps whether something is as it has to be."""
        self.say("PASS" if is_true else "FAIL", what, **facts)

    def reach(self, name: str, measured: float) -> None:
        """Fills in what was measured of a goal, and says whether it is reached."""
        self.goals[name] = goal = Goal(name, self.goals[name].least, measured)
        self.check(name, measured >= goal.least, measured=measured, goal=goal.least)

    @contextmanager
    def surviving(self, what: str) -> Iterator[None]:
        """Says so if the block fails, and goes on after it."""
        try:
            yield
        except Exception as error:
            self.say("FAIL", f"{what}: ended with {type(error).__name__}", error=str(error)[:300])

    def conclude(self) -> None:
        """Prints the table of goals, and what failed."""
        print(f"\n  {'goal':<52}{'at least':>9}{'measured':>12}")
        print("\n".join(map(str, self.goals.values())))
        failed = [line["what"] for line in self._lines if line["kind"] == "FAIL"]
        print(f"\n{len(failed)} failed" + "".join(f"\n  {what}" for what in failed) + f"\n{self.path}")

    def _write(self) -> None:
        goals = [vars(goal) for goal in self.goals.values()]
        self.path.write_text(json.dumps({"lines": self._lines, "goals": goals}, indent=1), encoding="utf-8")
