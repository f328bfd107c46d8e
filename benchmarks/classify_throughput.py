"""How many texts a second are annotated, against `transformers.pipeline` with the same weights.

What: texts/s of `Annotator.annotate` (sentiment, complaint, topics with evidence, language; int8 on CPU) and of
`pipeline("text-classification", batch_size=32)` in torch float32 (sentiment alone), and their ratio; peak resident memory of each process.

Method: each side is a process of its own, pinned to the same cores and given as many threads. After one round that is not counted they
take turns, `--rounds` times, over the same texts in the same order; the ratio is that of the median rounds. The peer's model is the
bundled one in float32 (its weights dequantised, its tokenizer as a `tokenizers` one), or the sequence-classification checkpoint given
by `--checkpoint`.

Correctness check: a sample of texts must get the very same annotation alone and in the whole batch, and, where the peer has our weights,
both sides must name the same sentiment for 90 % of the texts (they read addresses, names and elongations differently, and int8 rounds).

    python -m benchmarks.classify_throughput [--texts FILE.jsonl] [--checkpoint FOLDER] [--count 512] [--rounds 5] [--threads 2] [--json]

FILE.jsonl has a `text` a line; without it, texts are put together by benchmarks/texts.py. Needs torch and transformers for the peer only.
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

from benchmarks.texts import some_texts

SAMPLE = 50
PAUSE = 1.0  # seconds in which the threads of the side before stop spinning
Classify = Callable[[Sequence[str]], list[str]]


def main() -> None:
    options = read_options()
    if options.side:
        serve(ours(options) if options.side == "ours" else peer(options), options)
        return
    texts = read_texts(options)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.json"
        path.write_text(json.dumps(texts))
        report = measure({side: start(side, path, options) for side in ("ours", "peer")}, options, texts)
    print(json.dumps(report), flush=True)
    print(sentence(report), file=sys.stderr if options.json else sys.stdout)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Texts/s of our annotator against transformers.pipeline.")
    parser.add_argument("--texts", type=Path, help="JSONL with a text a line")
    parser.add_argument("--checkpoint", help="a sequence-classification checkpoint for the peer; the bundled weights without")
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--home", type=Path, default=Path("koe-data"), help="where the compiled model is kept")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=["ours", "peer"], help=argparse.SUPPRESS)
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
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(options.rounds + 1):
        for side, process in sides.items():
            time.sleep(PAUSE)
            taken = float(ask(process, "round"))
            if turn:
                seconds[side].append(taken)
    ends = {side: json.loads(ask(process, "end")) for side, process in sides.items()}
    for process in sides.values():
        process.communicate()
    rates = {side: len(texts) / statistics.median(taken) for side, taken in seconds.items()}
    same = statistics.fmean(one == other for one, other in zip(ends["ours"]["labels"], ends["peer"]["labels"], strict=True))
    if not options.checkpoint:
        assert same >= 0.9, f"both sides have the same weights, yet only {same:.0%} of the labels agree"
    return {
        "texts": len(texts),
        "threads": options.threads,
        "ours_texts_per_second": round(rates["ours"], 1),
        "peer_texts_per_second": round(rates["peer"], 1),
        "ratio": round(rates["ours"] / rates["peer"], 2),
        "rounds": {side: [round(len(texts) / one, 1) for one in taken] for side, taken in seconds.items()},
        "ours_peak_mb": ends["ours"]["peak_mb"],
        "peer_peak_mb": ends["peer"]["peak_mb"],
        "same_label": round(same, 4),
        "peer": options.checkpoint or "the bundled weights in float32",
    }


def ask(process: "subprocess.Popen[str]", word: str) -> str:
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        sys.exit("one side ended early: its error is above")
    return answer


def sentence(report: dict[str, object]) -> str:
    return (
        f"{report['ours_texts_per_second']} texts/s against {report['peer_texts_per_second']} of transformers.pipeline ({report['peer']}): "
        f"{report['ratio']} times, {report['threads']} threads, {report['texts']} texts, {float(str(report['same_label'])):.1%} with the "
        f"same label; peak memory {report['ours_peak_mb']} MB against {report['peer_peak_mb']} MB"
    )


def serve(classify: Classify, options: argparse.Namespace) -> None:
    """One side: a round for each line `round`, then labels and peak memory for `end`."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    texts = json.loads(options.given.read_text())
    labels: list[str] = []
    for line in sys.stdin:
        if line.strip() == "end":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
            print(json.dumps({"labels": labels, "peak_mb": round(peak)}), flush=True)
            return
        began = time.perf_counter()
        labels = classify(texts)
        print(time.perf_counter() - began, flush=True)


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


def peer(options: argparse.Namespace) -> Classify:
    from benchmarks.peer import open_pipeline

    return open_pipeline(options.checkpoint, options.threads)


if __name__ == "__main__":
    main()
