"""How often the language of a short text is named rightly, without a prior, with the right one and with a wrong one, and how fast.

What: accuracy of the detector that serves (`open_detector("py3langid")`, answering the languages of `--languages`, all it knows as by
default) by length (up to 20 code points, 21 to 60, longer) and language; of langdetect behind the same interface; texts/s of both. Apart
from these, texts of ideographs alone: whole ones, and runs of two to eight ideographs cut out of Japanese and Chinese texts. With
`--constants` what the constants of nlp/language.py decide instead: the odds of a prior, how long a text in ideographs its prior may name,
and how sure a text must be to tell how its author writes elsewhere.

Method: development rows of sets whose texts are of one language or were sorted by people, those written in the language before translated
ones (M-ABSA); the same draw for the same rows. Nothing here is trained. A wrong prior is drawn from the other languages that share the
script of the text's language, English where there is none; Japanese for Chinese ideographs and the reverse. Sides take turns every hundred
texts; a ratio is that of the processor times, which says more than the wall where other work runs beside. "all" is the mean over
languages, so that each counts the same.

Correctness check: every answer is an allowed language or none, and each side gives the first texts the same answers a second time.

    nice python -m benchmarks.language_id --data DATA_FOLDER [--most 60] [--languages en,ja,...] [--constants]

DATA_FOLDER holds a NAME.jsonl.gz a set, with `text`, `lang` and `split` a line. Without it nothing is measured.
"""

import argparse
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from models.training.data import read_rows
from nlp import language
from nlp.language import LanguageDetector, open_detector
from nlp.scripts import HAN, SCRIPT_LANGUAGES, main_script
from store.records import Language

# Written in the language, or sorted by people; a set with several is read for those named.
NATIVE = {
    "umsab": "ar de en es fr it pt",
    "semeval16_absa": "ar en es fr nl ru tr",
    "ijcnlp2017_feedback": "en es fr ja",
    "alza_cz": "cs",
    "blp23_bn": "bn",
    "da_social": "da",
    "deepsentipers": "fa",
    "hebrew_fb": "he",
    "indonlu_smsa": "id",
    "laroseda": "ro",
    "lv_tweets": "lv",
    "norec_sentence": "no",
    "nsmc": "ko",
    "repro_pt": "pt",
    "swe_reviews": "sv",
    "tr_telco_tweets": "tr",
    "uit_vsfc": "vi",
    "wccrs_pl": "pl",
    "wisesight": "th",
    "zh_waimai": "zh",
}
TRANSLATED = {"m_absa": "ar da de en es fr hi hr id ja ko nl pt ru sk sv sw th tr vi zh", "husst_hu": "hu"}
LENGTHS = {"up to 20": 20, "21 to 60": 60, "longer": 100_000}
TURN = 100  # texts that a side answers before the other does
SAMPLE = 100
LONGEST_RUN = 8  # ideographs of a run cut out of a text
Prior = Callable[["Text"], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Text:
    """`wrong` is a language that its author might have been thought to write."""

    text: str
    language: str
    wrong: str = "en"

    @property
    def length(self) -> str:
        return next(name for name, most in LENGTHS.items() if len(self.text) <= most)


@dataclass(frozen=True, slots=True)
class Side:
    name: str
    detector: LanguageDetector
    priors: Prior

    def answer(self, text: Text) -> Language:
        return self.detector.detect(text.text, self.priors(text))


@dataclass(slots=True)
class Measured:
    answers: list[Language]
    wall: float = 0.0
    cpu: float = 0.0


def nothing(_: Text) -> Sequence[str]:
    return ()


def right(text: Text) -> Sequence[str]:
    return (text.language,)


def wrong(text: Text) -> Sequence[str]:
    return (text.wrong,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.gz")
    parser.add_argument("--most", type=int, default=60, help="texts of a language and length")
    parser.add_argument("--languages", default="", help="as KOE_LANGUAGES: codes that may be answered, comma separated; empty is all")
    parser.add_argument("--constants", action="store_true", help="measure other values of the constants instead")
    given = parser.parse_args()
    if given.data is None or not given.data.is_dir():
        print("skipped: --data DATA_FOLDER names no folder of labelled texts (NAME.jsonl.gz with text, lang and split)")
        return
    languages = tuple(code for code in given.languages.split(",") if code)
    texts = drawn(given.data, given.most, languages)
    if not texts:
        sys.exit(f"no development rows of {', '.join([*NATIVE, *TRANSLATED])} in {given.data}")
    ours, peer = open_detector("py3langid", languages), open_detector("langdetect", languages)
    sets = {"texts": texts} | ideographs(given.data, given.most)
    if given.constants:
        compare_constants(sets, ours)
        return
    sides = [Side("no prior", ours, nothing), Side("right prior", ours, right), Side("wrong prior", ours, wrong)]
    sides += [Side("langdetect", peer, nothing)]
    for title, some in sets.items():
        found = measure(sides, some)
        print_accuracy(title, some, found)
        if some is texts:
            print_rates(len(texts), found)


def drawn(data: Path, most: int, languages: Sequence[str]) -> list[Text]:
    """At most `most` texts of each language and length, those of native sets before translated ones."""
    chosen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for sets in (NATIVE, TRANSLATED):
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, codes in sets.items():
            for text in rows_of(data, name, codes.split()):
                if not languages or text.language in languages:
                    found[text.language, text.length].append(text.text)
        for group, texts in sorted(found.items()):
            random.Random("/".join(group)).shuffle(texts)
            chosen[group] += texts[: max(0, most - len(chosen[group]))]
    together = [Text(text, code) for (code, _), some in sorted(chosen.items()) for text in some]
    random.Random(0).shuffle(together)
    return with_wrong_priors(together)


def rows_of(data: Path, name: str, codes: Sequence[str], *, splits: Sequence[str] = ("dev",)) -> Iterator[Text]:
    """Texts that have a letter: of the others nobody can tell the language."""
    if not (data / f"{name}.jsonl.gz").exists():
        return
    for row in read_rows(data, name):
        if row["split"] in splits and row["lang"] in codes and main_script(row["text"]):
            yield Text(row["text"], row["lang"])


def with_wrong_priors(texts: Sequence[Text]) -> list[Text]:
    known = sorted({text.language for text in texts})
    latin = [code for code in known if not any(code in codes for codes in SCRIPT_LANGUAGES.values())]
    chosen, given = random.Random(0), []
    for text in texts:
        script = next((codes for codes in SCRIPT_LANGUAGES.values() if text.language in codes and len(codes) > 1), ())
        others = [code for code in (script or latin) if code in known and code != text.language]
        wrong = chosen.choice(others) if others and (script or text.language in latin) else "en"
        given.append(Text(text.text, text.language, wrong))
    return given


def ideographs(data: Path, most: int) -> dict[str, list[Text]]:
    """Texts that are ideographs alone, of all splits as Japanese ones are rare, and runs of ideographs cut out of longer ones."""
    whole: dict[str, set[str]] = {"ja": set(), "zh": set()}
    runs: dict[str, set[str]] = {"ja": set(), "zh": set()}
    for name in ("ijcnlp2017_feedback", "m_absa", "zh_waimai"):
        for text in rows_of(data, name, ("ja", "zh"), splits=("train", "dev", "test")):
            if (found := main_script(text.text)) and found == (HAN, 1.0) and len(text.text) <= LENGTHS["up to 20"]:
                whole[text.language].add(text.text)
            runs[text.language] |= set(runs_in(text.text))
    return {
        title: [Text(text, code, "zh" if code == "ja" else "ja") for code, some in found.items() for text in picked(some, count)]
        for title, found, count in (("ideographs alone", whole, most * 3), ("runs of ideographs", runs, most * 10))
    }


def runs_in(text: str) -> Iterator[str]:
    spaced = "".join(character if "\u4e00" <= character <= "\u9fff" else " " for character in text)
    return (run for run in spaced.split() if 2 <= len(run) <= LONGEST_RUN)


def picked(texts: Iterable[str], count: int) -> list[str]:
    ordered = sorted(texts)
    random.Random(0).shuffle(ordered)
    return ordered[:count]


def measure(sides: Sequence[Side], texts: Sequence[Text]) -> dict[str, Measured]:
    """Answers of each side, with the time they took."""
    found = {side.name: Measured([]) for side in sides}
    first = {side.name: [side.answer(text) for text in texts[:SAMPLE]] for side in sides}
    for start in range(0, len(texts), TURN):
        for side in sides:
            wall, cpu = time.perf_counter(), time.process_time()
            answers = [side.answer(text) for text in texts[start : start + TURN]]
            found[side.name].wall += time.perf_counter() - wall
            found[side.name].cpu += time.process_time() - cpu
            found[side.name].answers += answers
    for side in sides:
        answers = found[side.name].answers
        assert answers[:SAMPLE] == first[side.name], f"{side.name}: a text got another answer the second time"
        assert {one.code for one in answers} <= side.detector.languages | {"und"}, f"{side.name} answered what is not allowed"
    return found


def shares(texts: Sequence[Text], answers: Sequence[Language]) -> dict[tuple[str, str], list[bool]]:
    """(length, language) -> whether each of its texts was named rightly."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for text, answer in zip(texts, answers, strict=True):
        found[text.length, text.language].append(answer.code == text.language)
    return found


def mean_of(hits: dict[tuple[str, str], list[bool]], length: str) -> float:
    return statistics.fmean(statistics.fmean(some) for (of, _), some in hits.items() if of == length)


def print_accuracy(title: str, texts: Sequence[Text], found: dict[str, Measured]) -> None:
    hits = {name: shares(texts, one.answers) for name, one in found.items()}
    print(f"{title}: {len(texts)}\n{'':14}{'n':>6}  " + "  ".join(hits))
    groups = next(iter(hits.values()))
    for length in LENGTHS:
        codes = sorted(code for of, code in groups if of == length)
        for code in codes:
            cells = "  ".join(f"{statistics.fmean(of[length, code]):{len(name)}.1%}" for name, of in hits.items())
            print(f"{length:9}{code:>5}{len(groups[length, code]):6}  {cells}")
        if len(codes) > 1:
            count = sum(len(groups[length, code]) for code in codes)
            print(f"{length:9}{'all':>5}{count:6}  " + "  ".join(f"{mean_of(of, length):{len(name)}.1%}" for name, of in hits.items()))


def print_rates(count: int, found: dict[str, Measured]) -> None:
    peer = found["langdetect"]
    for name, one in found.items():
        rates = f"{count / one.wall:.0f} texts/s, {count / one.cpu:.0f} a second of processor time"
        print(f"{name}: {rates}, {peer.cpu / one.cpu:.1f} x langdetect")


@contextmanager
def constant(name: str, value: float) -> Iterator[None]:
    with mock.patch.object(language, name, value):
        yield


def compare_constants(sets: dict[str, list[Text]], detector: LanguageDetector) -> None:
    for odds in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0):
        with constant("_PRIOR_ODDS", odds):
            print(f"odds of a prior {odds:g}: {by_length(sets['texts'], detector)}")
    for most in (4, 8, 16, 32):
        with constant("_SHORT", most):
            for title in ("texts", "ideographs alone", "runs of ideographs"):
                some = [text for text in sets[title] if text.language in ("ja", "zh")]
                print(f"prior names up to {most} ideographs, {title}: {by_length(some, detector)}")
    answers = [detector.detect(text.text) for text in sets["texts"]]
    for least in (0.6, 0.7, 0.8, 0.9, 0.95):
        for length in LENGTHS:
            of_length = [pair for pair in zip(sets["texts"], answers, strict=True) if pair[0].length == length]
            clear = [text.language == answer.code for text, answer in of_length if answer.confidence >= least]
            print(
                f"clear from {least:g}, {length}: {len(clear) / len(of_length):.1%} of texts, {statistics.fmean(clear):.1%} of them right"
            )


def by_length(texts: Sequence[Text], detector: LanguageDetector) -> str:
    told = []
    for name, priors in (("right", right), ("wrong", wrong)):
        hits = shares(texts, [detector.detect(text.text, priors(text)) for text in texts])
        lengths = [length for length in LENGTHS if any(of == length for of, _ in hits)]
        told.append(f"{name} prior " + ", ".join(f"{mean_of(hits, length):.1%} {length}" for length in lengths))
    return "; ".join(told)


if __name__ == "__main__":
    main()
