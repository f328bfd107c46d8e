"""How many texts a second are annotated, against `transformers.pipeline` and against what the cores could do at all.

What: texts/s of `Annotator.annotate` (sentiment, complaint, topics with evidence, language; int8 on CPU), of
`pipeline("text-classification", batch_size=32)` in torch float32 (sentiment alone) with the same weights (`peer`), with a body of the same
shape that sends every token through every layer, as any checkpoint of this size does where ours makes pairs of tokens (`plain`), and with a
model of the size of XLM-R base (`large`: 12 layers, hidden 768, 250,002 pieces; random weights, for speed does not depend on them); peak
resident memory of each process. Beside them, the operations that the texts need (2 x weights x tokens, and attention; no padding) as a
share of what the cores do in plain matrix products: int8 in OpenVINO, float32 in numpy.

Method: each side is a process of its own, pinned to the same cores and given as many threads. After one round that is not counted they
take turns, `--rounds` times, over the same texts in the same order; a ratio is that of the median rounds. `cpu_ratios` compares the
processor time of the sides, which says more where other work runs beside. The peer's model is the bundled one in float32 (its weights
dequantised, its tokenizer as a `tokenizers` one), or the sequence-classification checkpoint given by `--checkpoint`.

Correctness check: a sample of texts must get the very same annotation alone and in the whole batch, and, where the peer has our weights,
both sides must name the same sentiment for 90 % of the texts (they read addresses, names and elongations differently, and int8 rounds).

    python -m benchmarks.classify_throughput [--texts FILE.jsonl] [--checkpoint FOLDER] [--count 512] [--rounds 5] [--threads 2] [--json]
    python -m benchmarks.classify_throughput --sides ours,int8    # what is left to gain, in half a minute

FILE.jsonl has a `text` a line; without it, texts are put together by benchmarks/texts.py. Needs torch and transformers for the peers only.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import limits
from benchmarks.texts import some_texts

SAMPLE = 50
PAUSE = 1.0  # seconds in which the threads of the side before stop spinning
SIDES = ("ours", "peer", "plain", "large", "int8", "float32")
Classify = Callable[[Sequence[str]], list[str]]


def main() -> None:
    options = read_options()
    if options.side:
        serve(open_side(options), options)
        return
    texts = read_texts(options)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(texts))
        report = measure({side: start(side, path, options) for side in options.sides.split(",")}, options, texts)
    print(json.dumps(report), flush=True)
    if not options.json:
        print(sentence(report))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Texts/s of our annotator against transformers.pipeline.")
    parser.add_argument("--texts", type=Path, help="JSONL with a text a line")
    parser.add_argument("--checkpoint", help="a sequence-classification checkpoint for the peer; the bundled weights without")
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--home", type=Path, default=Path("koe-data"), help="where the compiled model is kept")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sides", default=",".join(SIDES), help=f"comma separated, of {', '.join(SIDES)}")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--given", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def read_texts(options: argparse.Namespace) -> list[str]:
    if options.texts is None:
        return some_texts(options.count, seed=1)
    lines = options.texts.read_text(encoding="utf-8").splitlines()[: options.count]
    return [json.loads(line)["text"] for line in lines]


def start(side: str, texts: Path, options: argparse.Namespace) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.classify_throughput", "--side", side, "--given", str(texts)]
    command += ["--threads", str(options.threads), "--home", str(options.home)]
    command += ["--checkpoint", options.checkpoint] if options.checkpoint else []
    threads = {name: str(options.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    # torch's idle threads must not spin on the cores while the other side takes its turn.
    environment = {
        **os.environ,
        **threads,
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "true",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def measure(sides: "dict[str, subprocess.Popen[str]]", options: argparse.Namespace, texts: Sequence[str]) -> dict[str, object]:
    """Rounds in turn, then what each side says of itself."""
    rounds: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for turn in range(options.rounds + 1):
        for side, process in sides.items():
            time.sleep(PAUSE)
            wall, cpu = map(float, ask(process, "round").split())
            if turn:
                rounds[side].append((wall, cpu))
    ends = {side: json.loads(ask(process, "end")) for side, process in sides.items()}
    for process in sides.values():
        process.communicate()
    seconds = {side: statistics.median(wall for wall, _ in taken) for side, taken in rounds.items()}
    cpus = {side: statistics.median(cpu for _, cpu in taken) for side, taken in rounds.items()}
    rates = {side: len(texts) / taken for side, taken in seconds.items() if side not in limits.WORK}
    others = [side for side in rates if side != "ours"]
    report: dict[str, object] = {
        "texts": len(texts),
        "threads": options.threads,
        "peer": options.checkpoint or "the bundled weights in float32",
        "texts_per_second": {side: round(rate, 1) for side, rate in rates.items()},
        "ratios": {side: round(rates["ours"] / rates[side], 2) for side in others},
        "cpu_ratios": {side: round(cpus[side] / cpus["ours"], 2) for side in others},
        "cpu_ms_per_text": {side: round(cpus[side] / len(texts) * 1000, 2) for side in rates},
        "rounds": {side: [round(len(texts) / wall, 1) for wall, _ in rounds[side]] for side in rates},
        "peak_mb": {side: ends[side]["peak_mb"] for side in rates},
    }
    if "peer" in sides:
        report["same_label"] = same_labels(ends, options)
    for limit in sorted(sides.keys() & limits.WORK.keys()):
        report |= share_of(limit, limits.WORK[limit] / seconds[limit], rates, ends[limit]["operations"] / len(texts))
    return report


def same_labels(ends: "dict[str, dict[str, list[str]]]", options: argparse.Namespace) -> float:
    same = statistics.fmean(one == other for one, other in zip(ends["ours"]["labels"], ends["peer"]["labels"], strict=True))
    if not options.checkpoint:
        assert same >= 0.9, f"both sides have the same weights, yet only {same:.0%} of the labels agree"
    return round(same, 4)


def share_of(limit: str, operations: float, rates: dict[str, float], per_text: float) -> dict[str, object]:
    """How much of `operations` a second our side uses in int8, and a peer with our weights in float32."""
    user = {"int8": "ours", "float32": "peer"}[limit]
    share = {f"{user}_share_of_{limit}": round(rates[user] * per_text / operations, 3)} if user in rates else {}
    return {"giga_operations_per_text": round(per_text / 1e9, 3), f"{limit}_giga_operations_per_second": round(operations / 1e9), **share}


def ask(process: "subprocess.Popen[str]", word: str) -> str:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        sys.exit("one side ended early: its error is above")
    return answer


def sentence(report: "dict[str, object]") -> str:
    return "\n".join(f"{name}: {value}" for name, value in report.items())


def serve(classify: Classify, options: argparse.Namespace) -> None:
    """One side: a round for each line `round`, then labels and peak memory for `end`."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    texts = json.loads(options.given.read_text())
    labels: list[str] = []
    operations = 0.0
    if options.side in limits.WORK:
        operations = limits.operations_of(texts)
    for line in sys.stdin:
        if line.strip() == "end":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
            print(json.dumps({"labels": labels, "peak_mb": round(peak), "operations": operations}), flush=True)
            return
        began, spent = time.perf_counter(), time.process_time()
        labels = classify(texts)
        print(time.perf_counter() - began, time.process_time() - spent, flush=True)


def ours(options: argparse.Namespace) -> Classify:
    from core.settings import Settings
    from nlp.annotator import TextInput, load_annotator

    annotator = load_annotator(Settings(home=options.home, model_threads=options.threads))
    given = [TextInput(text) for text in json.loads(options.given.read_text())]
    together = annotator.annotate(given)[:SAMPLE]
    assert together == [annotator.annotate([one])[0] for one in given[:SAMPLE]], "a text got another answer alone"

    def classify(texts: Sequence[str]) -> list[str]:
        return [annotation.sentiment.label for annotation in annotator.annotate([TextInput(text) for text in texts])]

    return classify


def open_side(options: argparse.Namespace) -> Classify:
    if options.side == "ours":
        return ours(options)
    if options.side in limits.WORK:
        return limits.work(options.side, options.threads)
    from benchmarks.peer import open_large, open_pipeline

    if options.side == "large":
        return open_large(options.threads)
    if options.side == "plain":
        return open_pipeline(None, options.threads, pairs=False)
    return open_pipeline(options.checkpoint, options.threads)


if __name__ == "__main__":
    main()
