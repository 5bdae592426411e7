"""``trm eval`` in processes of its own."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from support import Screen, environment

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "sudoku"
SMALL = "1...\n..2.\n.3..\n...4\n"
SVG = {"s": "http://www.w3.org/2000/svg"}


def test_figures_in_a_pipe_are_tab_separated(trm: Run, random_weights: Path) -> None:
    done = trm("eval", "-", "--weights", random_weights, stdin=SMALL + SMALL)
    assert done.returncode == 1 and done.stderr == ""
    header, row, *rest = done.stdout.splitlines()
    assert header.split("\t")[:3] == ["source", "puzzles", "exact"]
    assert row.split("\t")[:3] == ["all", "2", "0.00%"]
    assert rest[0].startswith("halting head right in") and rest[1].split()[1] == "puzzles/s,"
    assert "\x1b" not in done.stdout


def test_a_folder_that_was_built_is_measured(trm: Run, random_weights: Path, tmp_path: Path) -> None:
    puzzles, built = ROOT / "tests" / "data" / "sudoku_hard.csv", tmp_path / "built"
    assert (
        trm("data", "build", "sudoku", "--csv", puzzles, "--test-csv", puzzles, "--out", built).returncode
        == 0
    )
    done = trm("eval", built, "--limit", 2, "--steps", 1, "--json", "--weights", random_weights)
    figures = json.loads(done.stdout)
    assert (done.returncode, figures["puzzles"], figures["complete"]) == (1, 2, True)
    assert figures["cell_accuracy"] is not None


def test_json_is_one_object(trm: Run, random_weights: Path) -> None:
    done = trm("eval", "--json", "--per-step", "--steps", 3, "--weights", random_weights, stdin=SMALL)
    figures = json.loads(done.stdout)
    assert (figures["puzzles"], figures["solved"], figures["complete"]) == (1, 0, True)
    assert figures["exact_accuracy_by_step"] == [0.0, 0.0, 0.0]
    assert figures["cell_accuracy"] is None
    assert sum(entry["steps"] for entry in figures["halting"]["bins"]) == 3


def test_rounds_of_a_step_can_be_chosen(trm: Run, random_weights: Path, tmp_path: Path) -> None:
    predictions, confidence = [], []
    for rounds in (1, 5):
        common = ["--rounds", rounds, "--weights", random_weights, "--engine", "torch"]
        trm("eval", "-", "--predictions", tmp_path / "all.csv", *common, stdin=SMALL)
        predictions.append((tmp_path / "all.csv").read_text())
        trm("solve", "-", "--tries", 1, "--save", tmp_path / "steps.json", *common, stdin=SMALL)
        steps = json.loads((tmp_path / "steps.json").read_text())
        confidence.append([frame["confidence"] for frame in steps["frames"]])
    assert predictions[0] != predictions[1] and confidence[0] != confidence[1]
    done = trm("eval", "-", "--rounds", 0, stdin=SMALL)
    assert done.returncode == 2 and "--rounds" in done.stderr


def test_sources_limits_and_predictions(trm: Run, random_weights: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    rows = [("a", "1...............", ""), ("b", "2...............", ""), ("a", "3...............", "")]
    data.write_text("source,question,answer,rating\n" + "".join(f"{s},{q},{a},0\n" for s, q, a in rows))
    out = tmp_path / "out.csv"
    options = ("--weights", random_weights, "--limit", 2, "--steps", 2, "--predictions", out, "--json")
    done = trm("eval", data, *options)
    assert done.returncode == 1, done.stderr
    assert list(json.loads(done.stdout)["sources"]) == ["a", "b"]
    with out.open() as file:
        written = list(csv.DictReader(file))
    assert [row["question"] for row in written] == [rows[0][1], rows[1][1]]
    assert {(row["solved"], row["tries"], row["steps"]) for row in written} == {("0", "1", "2")}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_answers_from_another_file(trm: Run, random_weights: Path, tmp_path: Path) -> None:
    question, answer = "1...............", "1234341221434321"
    (tmp_path / "answers.txt").write_text(answer + "\n")
    options = ("--weights", random_weights, "--json", "--answers", tmp_path / "answers.txt")
    figures = json.loads(trm("eval", "-", *options, stdin=question + "\n").stdout)
    assert figures["cell_accuracy"] is not None
    wrong = trm("eval", "-", *options, stdin="2" + question[1:] + "\n")
    assert wrong.returncode == 2 and "does not answer the puzzle at <stdin>:1" in wrong.stderr
    short = trm("eval", "-", *options, stdin=(question + "\n") * 2)
    assert short.returncode == 2 and "has fewer answers than there are puzzles" in short.stderr


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["missing.txt"], "", "missing.txt: no such file"),
        ([str(EXAMPLES)], "", "is a directory"),
        (["-"], "", "<stdin>: holds no puzzle"),
        (["-"], "source,puzle\n1,2\n", "question"),
        (["-", "--predictions", "/no/such/folder/out.csv"], SMALL, "cannot be written"),
        (["-", "--device", "toaster"], SMALL, "there is no device 'toaster'"),
        (["-", "--weights", "no-such-weights"], SMALL, "no-such-weights"),
        (["-", "--tries", "1,x"], SMALL, "--tries: '1,x' is not a number of tries"),
        (["-", "--tries", "0"], SMALL, "--tries: '0' is not a number of tries"),
        (["-", "--tries", "2", "--until-solved"], SMALL, "leave --tries out"),
        (["-", "--save", "curve.svg"], SMALL, "curve.svg: the name must end in .json"),
        (["-", "--chart", "curve.gif"], SMALL, "curve.gif: the name must end in .svg or .png, the forms in"),
        (["-", "--chart", "/no/such/folder/x.png"], SMALL, "x.png: cannot be written"),
        (["-", "--chart", "/no/such/folder/x.svg"], SMALL, "x.svg: cannot be written"),
    ],
)
def test_bad_input_is_one_line(trm: Run, arguments: list[str], stdin: str, message: str) -> None:
    done = trm("eval", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("trm: error: ") and done.stderr.count("\n") == 1
    assert message in done.stderr


def test_several_numbers_of_tries_give_a_curve(trm: Run, random_weights: Path, tmp_path: Path) -> None:
    options = ("--weights", random_weights, "--steps", 2, "--tries", "4,1,2", "--calibration")
    done = trm("eval", "-", *options, "--chart", tmp_path / "curve.svg", stdin=SMALL)
    assert done.returncode == 1, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    start = lines.index(["halting probability", "steps", "mean", "right"])
    curve = lines.index(["source", "tries", "exact", "95% interval", "mean steps", "seconds"])
    assert sum(int(row[1]) for row in lines[start + 1 : curve]) == 2
    assert [(row[1], row[4]) for row in lines[curve + 1 :]] == [("1", "2.00"), ("2", "4.00"), ("4", "8.00")]
    root = ElementTree.parse(tmp_path / "curve.svg").getroot()
    assert root.findtext("s:title", namespaces=SVG) == "sudoku, 1 puzzles"
    titles = [part.findtext("s:text", namespaces=SVG) for part in root.iterfind("s:g", SVG)]
    assert titles == [
        "exact accuracy after each step of the first try",
        "how often an answer is right, and the halting probability",
        "exact accuracy by tries",
    ]


def test_charts_are_drawn_as_png_as_well(trm: Run, random_weights: Path, tmp_path: Path) -> None:
    file = tmp_path / "charts.png"
    done = trm("eval", "-", "--weights", random_weights, "--steps", 1, "--chart", file, stdin=SMALL)
    assert done.returncode == 1, done.stderr
    assert file.read_bytes().startswith(b"\x89PNG") and list(tmp_path.glob(".*")) == []


def test_a_map_shows_the_cells_where_it_errs(trm: Run, random_weights: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    question, answer = "1..4..1..1..2..1", "1234341241232341"
    data.write_text(f"source,question,answer,rating\na,{question},{answer},0\na,{question},,0\n")
    common = ["--errors", "--weights", random_weights, "--steps", 1, "--engine", "torch"]
    keep = ["--predictions", tmp_path / "out.csv", "--chart", tmp_path / "x.svg"]
    figures = json.loads(trm("eval", data, "--json", *common, *keep).stdout)
    with (tmp_path / "out.csv").open() as file:
        found = next(iter(csv.DictReader(file)))["prediction"]
    wrong = [int(one != other) for one, other in zip(found, answer, strict=True)]
    (entry,) = figures["errors"]
    assert (entry["shape"], entry["puzzles"]) == ([4, 4], 1)  # of the other one nothing is known
    assert [count for row in entry["cells"] for count in row] == wrong and any(wrong)
    lines = trm("eval", data, *common).stdout.splitlines()
    start = lines.index("wrong cells of 1 unsolved 4x4")
    assert lines[start + 1] == "\t".join(map(str, wrong[:4]))
    root = ElementTree.parse(tmp_path / "x.svg").getroot()
    assert root.findall("s:g", SVG)[-1].findtext("s:text", namespaces=SVG) == lines[start]


def test_a_terminal_shows_charts_with_axes(
    terminal: Callable[..., Screen], random_weights: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.csv"
    data.write_text("source,question,answer,rating\na,1..4..1..1..2..1,1234341241232341,0\n")
    options = ["--per-step", "--calibration", "--errors", "--weights", random_weights, "--steps", 2]
    screen = terminal("eval", data, *options, rows=60)
    assert screen.status == 1
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.text)
    assert "exact accuracy after each step of the first try" in text
    assert "over supervision steps" in text and "over halting probability" in text
    assert text.count(" 100% │") == 2
    assert re.search(r"wrong cells of 1 unsolved 4x4, at most 1 in one cell\r\n(?:[·█]{8}\r\n){4}", text)


def test_a_budget_ends_what_would_be_tried_until_solved(trm: Run, random_weights: Path) -> None:
    options = ("--weights", random_weights, "--steps", 1, "--until-solved", "--budget", 0.3, "--json")
    done = trm("eval", "-", *options, "--strategy", "mixed", "--select", "vote", stdin=SMALL)
    assert done.returncode == 1, done.stderr
    assert 1 < json.loads(done.stdout)["mean_tries"] < 10_000


def test_several_processes_share_the_puzzles_and_print_once(
    trm: Run, random_weights: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.csv"
    rows = "".join(f"{'ab'[n % 3 == 0]},{n % 4 + 1}{'.' * 15},,0\n" for n in range(7))
    data.write_text("source,question,answer,rating\n" + rows)
    options = ["eval", data, "--weights", random_weights, "--json", "--tries", "1,3", "--limit", 7]
    options += ["--engine", "torch"]  # whose rounding does not depend on what else is in the batch
    single = trm(*options, "--predictions", tmp_path / "one.csv")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    several = subprocess.run(
        [*torchrun, "-m", "trmcli", *map(str, options), "--predictions", str(tmp_path / "two.csv")],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=240,
    )
    assert several.returncode == 0, several.stderr
    assert without_times(json.loads(several.stdout)) == without_times(json.loads(single.stdout))
    assert (tmp_path / "two.csv").read_text() == (tmp_path / "one.csv").read_text()


def without_times(values: Any) -> Any:
    if isinstance(values, dict):
        return {k: without_times(v) for k, v in values.items() if "second" not in k}
    return [without_times(value) for value in values] if isinstance(values, list) else values


def test_several_processes_cannot_share_standard_input(trm: Run) -> None:
    done = trm("eval", "-", stdin=SMALL, RANK="0", WORLD_SIZE="2")
    assert done.returncode == 2
    assert done.stderr == ("trm: error: standard input cannot be shared by several processes: name a file\n")


def test_a_puzzle_that_the_weights_cannot_take_is_refused(trm: Run, tmp_path: Path) -> None:
    from trmcli.model import TinyRecursiveModel, TRMConfig
    from trmcli.weights.files import Card, save_weights

    config = TRMConfig(vocab_size=18, hidden_size=8, num_heads=1, ffn_multiple=8, mixer="mlp", seq_len=16)
    save_weights(tmp_path / "fixed.safetensors", TinyRecursiveModel(config), Card(name="f", task="sudoku"))
    text = "1" + "." * 15 + "\n" + "1" + "." * 35 + "\n"
    done = trm("eval", "-", "--weights", tmp_path / "fixed.safetensors", "--steps", 1, stdin=text)
    assert done.returncode == 2 and done.stdout.splitlines()[1].startswith("all\t1\t")
    assert done.stderr == (
        "trm: stopped after 1 puzzle: partial figures\n"
        "trm: error: <stdin>:2: has 36 cells, and these weights are for puzzles of 16 cells\n"
    )


def test_a_terminal_gets_a_table(terminal: Callable[..., Screen], random_weights: Path) -> None:
    screen = terminal(
        "eval", EXAMPLES / "4x4.txt", "--weights", random_weights, "--steps", 2, "--tries", "1,2"
    )
    assert screen.status == 1
    assert "95% interval" in screen.text and "\t" not in screen.text
    assert "  0% │" in screen.text and "● all" in screen.text


def test_interrupted_figures_say_that_they_are_partial(random_weights: Path) -> None:
    command = [sys.executable, "-m", "trmcli", "eval", "-", "--batch-size", "1", "--steps", "1"]
    process = subprocess.Popen(
        [*command, "--weights", str(random_weights)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdin is not None
    process.stdin.write(("1" + "." * 80 + "\n") * 3)
    process.stdin.flush()  # it waits for more, having solved two
    wait_until_idle(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "partial figures" in err and "Traceback" not in err
    assert out.splitlines()[1].startswith("all\t")


def test_several_processes_that_are_interrupted_add_up_what_they_have(
    random_weights: Path, tmp_path: Path
) -> None:
    data = tmp_path / "many.txt"
    data.write_text(("1" + "." * 80 + "\n") * 200_000)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    options = ["--batch-size", "64", "--steps", "1", "--json", "--weights", str(random_weights)]
    process = subprocess.Popen(
        [*torchrun, "-m", "trmcli", "eval", str(data), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    try:
        wait_until_both_read(process.pid, data, 300_000)  # beyond what is read ahead before they solve
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: torchrun hears it, and so do the others
        out, err = process.communicate(timeout=120)
    finally:
        process.terminate()  # then torchrun ends those that it has started as well
    figures = json.loads(out)
    assert figures["complete"] is False, err
    assert 1_000 < figures["puzzles"] < 200_000
    assert "partial figures" in err


def wait_until_both_read(pid: int, path: Path, size: int) -> None:
    """Wait until both processes that torchrun has started have read so many bytes of a file."""
    for _ in range(1200):
        time.sleep(0.1)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if sum(has_read(child, path) > size for child in children) == 2:
            return
    raise AssertionError("they have not begun")


def has_read(pid: str, path: Path) -> int:
    """How many bytes of a file a process has read."""
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if link.resolve() == path.resolve():
                position = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().split()[1]
                return int(position)
    except OSError:  # a file was closed meanwhile
        pass
    return 0


def wait_until_idle(pid: int) -> None:
    """Wait until a process has stopped using its processor."""
    last = -1.0
    for _ in range(200):
        time.sleep(0.5)
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        if used == last and used > 0.5:
            return
        last = used
