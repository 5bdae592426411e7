"""ARC tasks by one network each that is cut off: does it help that its learning rates fall, and more steps?

Run it with: python benchmarks/arc_levers.py --data FOLDER --canvas 15 --limit 100 --out FILE.jsonl

The sample is that of ``benchmarks/arc.py``. A network is fitted as in ``trm solve``, but counts its time in
updates: as many as ``--seconds`` of this machine's processor time allow, told by the first dozen. It is
followed to the last ``FALL`` of them. From there it goes on twice: with its learning rates as they are, and
with a fall. Then the second answers again, in more supervision steps. A network that is done before that
counts the same both ways. Solutions are compared with at the end. A finished task is a line of the file; a
run that is started again skips those.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import arc
import torch
from torch import Tensor

from trmcli.tasks.arc.tally import Tally
from trmcli.tasks.arc.task import ArcTask
from trmcli.training.adapt import FALL, Member
from trmcli.training.fitting import FitOptions
from trmcli.training.problem import prepare

STEPS = (4, 6, 8, 12, 16, 24)
"""Supervision steps of an answer; those from the fit's number on vote."""


class Timed(Member):
    """A member whose time is counted in updates; without ``total`` it has all the time there is."""

    total: float = math.inf
    falls = False

    def _share(self) -> float:
        late = (self.total - self.updates) / (FALL * self.total) if self.falls else 1.0
        return min(super()._share(), max(0.05, late))


class Followed:
    """A member on its way, with what ``fit`` knows of it."""

    def __init__(self, member: Timed) -> None:
        self.member, self.done = member, False
        self.fitted: int | None = None
        self.following = member.most / 2

    def go(self, until: float) -> None:
        """As :func:`trmcli.training.adapt.fit` does, to this number of updates."""
        member, options = self.member, self.member.options
        while not self.done and member.updates < min(until, member.most):
            member.learn()
            whole = all(member.right)
            if whole and self.fitted is None:
                self.fitted = member.updates
                self.following = 1.25 * self.fitted
            if member.updates >= self.following:
                member.vote()
                self.following += 0.25 * self.fitted if self.fitted else member.most / 8
            least = max(options.after * (self.fitted or math.inf), options.least)
            self.done = whole and member.updates >= least and member.loss < options.loss
        self.done |= member.updates >= member.most

    def _vectors(self) -> tuple[Tensor, ...]:
        optimizer = self.member.optimizer
        return optimizer.values, optimizer.average, optimizer.velocity, optimizer.mean, optimizer.square

    def kept(self) -> dict[str, Any]:
        member = self.member
        return {
            "vectors": [vector.clone() for vector in self._vectors()],
            "member": (member.optimizer.updates, [one.copy() for one in member.tally], list(member.right)),
            "self": (self.fitted, self.following),
        }

    def back(self, kept: dict[str, Any]) -> None:
        for vector, old in zip(self._vectors(), kept["vectors"], strict=True):
            vector.copy_(old)
        member = self.member
        member.optimizer.updates, member.tally, member.right = kept["member"]
        self.fitted, self.following = kept["self"]
        self.done = False


def told(followed: Followed, answers: Iterable[str]) -> dict[str, Any]:
    """Let it answer; which tests are right at the first and at the second grid."""
    followed.member.vote()
    firsts = [[arc.text(grid) for grid in ballot.grids[:2]] for ballot in followed.member.ballots()]
    return {
        "right": [
            [answer in tried[:k] for k in (1, 2)] for tried, answer in zip(firsts, answers, strict=True)
        ],
        "fits": sum(followed.member.right),
        "fitted": followed.fitted,
        "updates": followed.member.updates,
        "loss": round(followed.member.loss, 5),
    }


@torch.no_grad()
def steps(member: Member, answers: Iterable[str]) -> dict[str, list[bool]]:
    """By the number of steps whether the grid that most of them vote for is right."""
    right: dict[str, list[bool]] = {str(last): [] for last in STEPS}
    member.optimizer.swap()
    kernels = member.model.kernels(member.code)
    for asked, answer in zip(member.problem.tests, answers, strict=True):
        if asked is None:
            for one in right.values():
                one.append(False)
            continue
        tally = Tally()
        for step, logits in enumerate(member.answers(asked, kernels, max(STEPS)), 1):
            if step >= member.options.steps:
                for grid, sure in asked.reading.votes(logits):
                    tally.add(grid, sure)
            if step in STEPS:
                best = tally.best()
                right[str(step)].append(bool(best) and arc.text(best[0][0]) == answer)
    member.optimizer.swap()
    return right


def work(task: ArcTask, options: FitOptions, seconds: float) -> dict[str, Any]:
    answers = [arc.text(answer) for answer in task.answers or ()]
    cpu = time.process_time()
    followed = Followed(Timed(prepare(task), options, seed=1))
    member = followed.member
    followed.go(3)  # the first updates are slower
    clock = time.process_time()
    followed.go(15)
    now = time.process_time()
    total = max(30, member.updates + int((seconds - now + cpu) / (now - clock) * 12))
    followed.go((1 - FALL) * total)
    record = {"task": task.name, "rows": member.problem.rows, "most": member.most, "total": total}
    record["demonstrations"], record["early"] = len(task.shown), followed.done
    if followed.done:
        record["plain"] = record["fall"] = told(followed, answers)
    else:
        kept = followed.kept()
        followed.go(total)
        record["plain"] = told(followed, answers)
        followed.back(kept)
        member.total, member.falls = total, True
        followed.go(total)
        record["fall"] = told(followed, answers)
    record["steps"] = steps(member, answers)
    return {**record, "cpu_seconds": round(time.process_time() - cpu, 1)}


def mean(values: Iterable[bool]) -> float:
    values = list(values)
    return sum(values) / len(values)


def report(records: list[dict[str, Any]]) -> str:
    """Tables in Markdown; tasks count with the share of their tests."""
    cut = [record for record in records if not record["early"]]
    lines = ["| networks | tasks | right at first | one of two | fitted | demonstrations right | mean loss |"]
    lines.append("|" + "---|" * 7)
    for name, part in (("all", records), ("cut off", cut)):
        for way in ("plain", "fall"):
            ones = [record[way] for record in part]
            first, two = (sum(mean(test[k] for test in one["right"]) for one in ones) for k in (0, 1))
            fitted = sum(one["fitted"] is not None for one in ones)
            right = f"{sum(one['fits'] for one in ones)} of {sum(r['demonstrations'] for r in part)}"
            loss = sum(one["loss"] for one in ones) / max(1, len(ones))
            lines.append(
                f"| {name}, {way} | {len(ones)} | {first:.1f} | {two:.1f} | {fitted} | {right} | {loss:.4f} |"
            )
    lines += ["", "| steps of an answer | right |", "|---|---|"]
    for last in map(str, STEPS):
        solved = sum(mean(record["steps"][last]) for record in records)
        lines.append(f"| {last} | {solved:.1f} of {len(records)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of challenges and solutions")
    parser.add_argument("--set", default="training", help="whose solutions may be looked at")
    parser.add_argument("--canvas", type=int, default=15, help="tasks whose grids are at most so large")
    parser.add_argument("--limit", type=int, default=100, help="tasks")
    parser.add_argument("--tasks", nargs="*", help="only these")
    parser.add_argument("--seconds", type=float, default=20.0, help="processor time of a network")
    parser.add_argument("--max-time", type=float, default=math.inf, help="seconds for the whole run")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of FitOptions")
    parser.add_argument("--out", type=Path, required=True, help="a line of JSON for every finished task")
    parser.add_argument("--report", action="store_true", help="only report what there is")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.max_time
    torch.set_num_threads(1)
    options = FitOptions()
    for setting in arguments.option:
        options = arc.with_option(options, setting)
    tasks = arc.load(arguments.data, arguments.set)
    names = arguments.tasks or arc.sample(tasks, arguments.canvas, arguments.limit)
    names.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    records = {record["task"]: record for record in arc.finished(arguments.out)}
    for name in names:
        if name in records or arguments.report or time.monotonic() > end:
            continue
        records[name] = work(tasks[name], options, arguments.seconds)
        with arguments.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(records[name]) + "\n")
    print(report([records[name] for name in names if name in records]))


if __name__ == "__main__":
    main()
