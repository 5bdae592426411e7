"""ARC tasks by networks fitted to each: pass@1 and pass@2, seconds, and how far agreement can be trusted.

Run it with: python benchmarks/arc.py --data FOLDER --set training --canvas 15 --limit 100 --processes 16 \
    --members 3 --most 3 --out local/arc.jsonl --max-time 540

FOLDER holds ``arc-agi_SET_challenges.json`` and ``arc-agi_SET_solutions.json``, or a folder SET of tasks,
as Mini-ARC and 1D-ARC are kept. The sample is the first so many tasks in order of the SHA-256 of their
names, of those whose shown grids fit the canvas. Every process works on one task at a time, one thread
each, members one after another (with ``--only N`` a single one); solutions never reach them. Time is that
of the processor, so that other work on the machine takes none of it; ``--processors 2`` shares members out
as two processors would that work at once. A finished task is a line of the file; a run that is started
again skips those. ``--option fit.code_lr=0.005`` sets what trmcli.training.fitting.AdaptOptions has.
``--report`` only prints what a file says, ``--sizes`` how often the outputs' sizes are guessed rightly,
without any fit.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import multiprocessing
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from trmcli.errors import InputError
from trmcli.solving.adapted import Ballot
from trmcli.solving.intervals import wilson
from trmcli.tasks.arc.files import read_tasks, solutions_beside, with_solutions
from trmcli.tasks.arc.shapes import guess_shapes
from trmcli.tasks.arc.task import ArcTask, Grid
from trmcli.training.fitting import AdaptOptions, Fitted
from trmcli.training.job import Job, agree, counted
from trmcli.training.members import fit_network


def load(data: Path, name: str) -> dict[str, ArcTask]:
    """The tasks of a set, by name; without answers where it has no file of solutions."""

    def refuse(error: InputError) -> None:
        raise error

    if (data / name).is_dir():
        return {task.name: task for task in read_tasks([str(data / name)], refuse)}
    file = str(data / f"arc-agi_{name}_challenges.json")
    tasks, solutions = read_tasks([file], refuse), solutions_beside(file)
    return {task.name: task for task in (tasks if solutions is None else with_solutions(tasks, solutions))}


def text(cells: Grid) -> str:
    """Rows of digits."""
    return "/".join("".join(map(str, row)) for row in cells.tolist())


def canvas(task: ArcTask) -> int:
    """The longest side of all grids that are shown."""
    grids = [side for pair in task.shown for side in (pair.question, pair.answer)] + list(task.tests)
    return max(side for cells in grids for side in (int(cells.shape[0]), int(cells.shape[1])))


def sample(tasks: dict[str, ArcTask], largest: int, limit: int) -> list[str]:
    names = sorted(tasks, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return [name for name in names if canvas(tasks[name]) <= largest][:limit]


def with_option(options: Any, setting: str) -> Any:
    """A copy of a data class in which ``a.b=value`` is set."""
    path, _, value = setting.partition("=")
    name, _, rest = path.partition(".")
    if name not in {field.name for field in dataclasses.fields(options)}:
        raise SystemExit(
            f"no option {name}; options are {', '.join(f.name for f in dataclasses.fields(options))}"
        )
    now = getattr(options, name)
    if rest:
        return dataclasses.replace(options, **{name: with_option(now, f"{rest}={value}")})
    if isinstance(now, bool):
        return dataclasses.replace(options, **{name: value.lower() in ("1", "true", "yes", "on")})
    return dataclasses.replace(options, **{name: type(now)(value)})


def share_out(job: Job, budget: float, processors: int) -> float:
    """Fit members one after another, each on that of several processors that would be free first.

    Returns: when the last of them would be done, in seconds.
    """
    busy = [0.0] * processors
    while not job.settled:
        turn = busy.index(min(busy))
        job.deadline = time.monotonic() + budget - busy[turn]
        if (order := job.next()) is None:
            break
        begun = time.process_time()

        def left(end: float = begun + budget - busy[turn]) -> float:
            return end - time.process_time()

        fitted = fit_network(order, left, None, None)
        job.finish(order.member, dataclasses.replace(fitted, seconds=fitted.cpu_seconds))
        busy[turn] += time.process_time() - begun
    return max(busy)


def work(task: ArcTask, arguments: argparse.Namespace, options: AdaptOptions) -> dict[str, Any]:
    """Fit members to one task; all of this happens in a process that has no answers."""
    job = Job(
        task=task,
        members=arguments.members,
        most=arguments.only or arguments.most,
        seed=arguments.seed,
        observe=None,
        options=options,
        began=time.monotonic(),
        deadline=math.inf,
        given=arguments.only - 1 if arguments.only else 0,
    )
    cpu = time.process_time()
    seconds = share_out(job, arguments.budget, arguments.processors)
    adapted = job.adapted()
    return {
        "task": task.name,
        "canvas": canvas(task),
        "same": all(pair.question.shape == pair.answer.shape for pair in task.shown),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "fits": adapted.fits,
        "demonstrations": len(task.shown),
        "settled": adapted.settled,
        "tests": [
            {
                "attempts": [text(attempt) for attempt in test.attempts],
                "votes": [round(vote, 3) for vote in test.votes],
                "agreement": test.agreement,
                "members": test.members,
            }
            for test in adapted.tests
        ],
        "members": [
            {
                "updates": fitted.updates,
                "fitted": fitted.fitted,
                "cut": fitted.cut,
                "right": sum(fitted.right),
                "loss": round(fitted.loss, 5),
                "rows": fitted.rows,
                "cpu_seconds": round(fitted.cpu_seconds, 2),
                "ballots": [
                    [
                        [text(cells), round(weight, 4)]
                        for cells, weight in zip(ballot.grids[:6], ballot.weights, strict=False)
                    ]
                    for ballot in fitted.ballots
                ],
            }
            for _, fitted in sorted(job.done.items())
        ],
    }


def score(attempts: Sequence[Sequence[str]], answers: Sequence[str], most: int) -> float:
    """The share of a task's test inputs that one of the first ``most`` attempts answers."""
    return sum(answer in tried[:most] for tried, answer in zip(attempts, answers, strict=True)) / len(answers)


def ballot(votes: list[tuple[str, float]]) -> Ballot:
    grids = tuple(np.array([list(map(int, row)) for row in cells.split("/")], np.uint8) for cells, _ in votes)
    return Ballot(grids, tuple(weight for _, weight in votes))


def fitted(member: dict[str, Any], demonstrations: int) -> Fitted:
    """A member as it was recorded; which demonstrations it has right is not known, but how many."""
    return Fitted(
        ballots=tuple(map(ballot, member["ballots"])),
        right=tuple(number < member["right"] for number in range(demonstrations)),
        updates=member["updates"],
        fitted=member["fitted"],
        loss=member["loss"],
        rows=member["rows"],
        seconds=member["cpu_seconds"],
        cpu_seconds=member["cpu_seconds"],
        cut=member["cut"],
    )


def first_members(record: dict[str, Any], number: int) -> list[list[str]]:
    """The attempts, had only the first ``number`` members voted."""
    members = [fitted(member, record["demonstrations"]) for member in record["members"][:number]]
    return [[text(attempt) for attempt in test.attempts] for test in counted(members, len(record["tests"]))]


def line(name: str, scores: Sequence[tuple[float, float]], seconds: Sequence[float]) -> str:
    cells = [name, str(len(scores))]
    for place in (0, 1):
        right = sum(pair[place] for pair in scores)
        low, high = wilson(right, len(scores))
        cells.append(f"{right:.1f} = {100 * right / len(scores):.1f}% ({100 * low:.0f}-{100 * high:.0f})")
    return "| " + " | ".join([*cells, f"{np.mean(seconds):.1f}"]) + " |"


def report(records: list[dict[str, Any]], tasks: dict[str, ArcTask]) -> str:
    """Tables in Markdown."""
    answers = {
        record["task"]: [text(answer) for answer in tasks[record["task"]].answers or ()] for record in records
    }
    scores = {
        record["task"]: (
            score([test["attempts"] for test in record["tests"]], answers[record["task"]], 1),
            score([test["attempts"] for test in record["tests"]], answers[record["task"]], 2),
        )
        for record in records
    }
    lines = ["| tasks | n | pass@1 | pass@2 | CPU s a task |", "|---|---|---|---|---|"]
    classes = {
        "all": records,
        "same shape": [record for record in records if record["same"]],
        "other shape": [record for record in records if not record["same"]],
        "canvas to 10": [record for record in records if record["canvas"] <= 10],
        "canvas 11 to 15": [record for record in records if 10 < record["canvas"] <= 15],
        "canvas 16 to 20": [record for record in records if 15 < record["canvas"] <= 20],
        "canvas 21 to 30": [record for record in records if record["canvas"] > 20],
        "all demonstrations right": [
            record for record in records if record["fits"] == record["demonstrations"]
        ],
        "settled": [record for record in records if record["settled"]],
    }
    for name, part in classes.items():
        if part:
            lines.append(
                line(name, [scores[r["task"]] for r in part], [record["cpu_seconds"] for record in part])
            )
    most = max(len(record["members"]) for record in records)
    for number in range(1, most + 1):
        part = [record for record in records if len(record["members"]) >= min(number, most)]
        tried = {record["task"]: first_members(record, number) for record in part}
        seconds = [sum(m["cpu_seconds"] for m in record["members"][:number]) for record in part]
        both = [
            (score(tried[r["task"]], answers[r["task"]], 1), score(tried[r["task"]], answers[r["task"]], 2))
            for r in part
        ]
        lines.append(line(f"first {number} members, where there are", both, seconds))
        alone = [
            [[cells for cells, _ in ballots] for ballots in record["members"][number - 1]["ballots"]]
            for record in part
        ]
        both = [
            (score(own, answers[r["task"]], 1), score(own, answers[r["task"]], 2))
            for own, r in zip(alone, part, strict=True)
        ]
        seconds = [record["members"][number - 1]["cpu_seconds"] for record in part]
        lines.append(line(f"member {number} alone", both, seconds))
    told = [
        (test["agreement"], test["members"], test["attempts"][0] == answer)
        for record in records
        for test, answer in zip(record["tests"], answers[record["task"]], strict=True)
        if test["attempts"]
    ]
    lines += ["", "| members | tests | right at first |", "|---|---|---|"]
    for name, right in confidence(told).items():
        low, high = wilson(sum(right), len(right))
        lines.append(f"| {name} | {len(right)} | {sum(right)} ({100 * low:.0f}-{100 * high:.0f}%) |")
    return "\n".join(lines)


def confidence(told: Sequence[tuple[int, int, bool]]) -> dict[str, list[bool]]:
    """Which first attempts are right, by how many of the members that have a say put them first.

    Args:
        told: of each test: how many put its first attempt first, how many have a say, whether it is right.
    """
    groups: dict[str, list[bool]] = {"agree": [], "more than half": [], "fewer": []}
    for alike, members, right in told:
        if agree(alike, members):
            groups["agree"].append(right)
        else:
            groups["more than half" if 2 * alike > members else "fewer"].append(right)
    return {name: right for name, right in groups.items() if right}


def sizes(tasks: dict[str, ArcTask]) -> str:
    """How often the sizes of all outputs of a task are guessed; totals alone."""
    known = [task for task in tasks.values() if task.answers is not None]
    guesses = [guess_shapes(task) for task in known]
    wanted = [[answer.shape for answer in task.answers or ()] for task in known]
    pairs = [list(zip(*pair, strict=True)) for pair in zip(guesses, wanted, strict=True)]
    first = [all(one[:1] == (size,) for one, size in tests) for tests in pairs]
    either = [all(size in one for one, size in tests) for tests in pairs]
    two = [any(len(one) > 1 for one in found) for found in guesses]
    none = sum(not all(found) for found in guesses)
    lines = ["| tasks | n | right at first | one of two |", "|---|---|---|---|"]
    for name, chosen in (("all", [True] * len(known)), ("two guesses", two)):
        n, one, both = (sum(np.array(which)[chosen]) for which in (chosen, first, either))
        lines.append(f"| {name} | {n} | {one} = {one / max(1, n):.1%} | {both} = {both / max(1, n):.1%} |")
    return "\n".join([*lines, "", f"no guess: {none}"])


def finished(path: Path) -> list[dict[str, Any]]:
    """The tasks that a file holds; a line that was being written when a run was killed is taken out of it."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of challenges and solutions")
    parser.add_argument("--set", default="training", help="training, evaluation, …")
    parser.add_argument("--canvas", type=int, default=30, help="tasks whose grids are at most so large")
    parser.add_argument("--limit", type=int, default=100, help="tasks")
    parser.add_argument("--tasks", nargs="*", help="only these")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds of each processor for a task")
    parser.add_argument("--processors", type=int, default=1, help="that would work on a task at once")
    parser.add_argument("--members", type=int, default=3, help="before they may be settled")
    parser.add_argument("--most", type=int, default=3, help="members at most")
    parser.add_argument("--only", type=int, metavar="N", help="fit the member of this number, and no other")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-time", type=float, default=math.inf, help="seconds for the whole run")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--out", type=Path, default=Path("local/arc.jsonl"), help="a line of JSON for every finished task"
    )
    parser.add_argument("--sizes", action="store_true", help="only tell how often sizes are right")
    parser.add_argument("--report", action="store_true", help="only report what there is")
    arguments = parser.parse_args()
    began = time.monotonic()
    options = AdaptOptions()
    for setting in arguments.option:
        options = with_option(options, setting)
    tasks = load(arguments.data, arguments.set)
    if arguments.sizes:
        print(sizes(tasks))
        return
    names = arguments.tasks or sample(tasks, arguments.canvas, arguments.limit)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    records = {record["task"]: record for record in finished(arguments.out)}
    todo = [] if arguments.report else [name for name in names if name not in records]
    blind = [dataclasses.replace(tasks[name], answers=None) for name in todo]
    if blind:
        with (
            multiprocessing.get_context("spawn").Pool(min(arguments.processes, len(blind))) as pool,
            arguments.out.open("a", encoding="utf-8") as file,
        ):
            results = pool.imap_unordered(partial(work, arguments=arguments, options=options), blind)
            for number in range(1, len(blind) + 1):
                try:
                    record = results.next(max(0.0, min(1e6, began + arguments.max_time - time.monotonic())))
                except multiprocessing.TimeoutError:
                    print(f"the time is over: {len(blind) - number + 1} tasks are left")
                    break
                records[record["task"]] = record
                file.write(json.dumps(record) + "\n")
                file.flush()
    found = [records[name] for name in names if name in records]
    print(
        f"{arguments.set}, canvas to {arguments.canvas}, {len(found)} of {len(names)} tasks, "
        f"seed {arguments.seed}, {' '.join(arguments.option) or 'no options'}, "
        f"{time.monotonic() - began:.0f} s\n"
    )
    if found and tasks[found[0]["task"]].answers is not None:
        print(report(found, tasks))


if __name__ == "__main__":
    main()
