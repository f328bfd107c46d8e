"""The embedding beside the untouched backbone's: translations found among 1,000 sentences, intents of banking77 found by clustering.

    python -m models.training.measure_embedding --data DATA_FOLDER --backbone BACKBONE_FOLDER --model models/bundled

The backbone is asked as its authors mean it, with "query: " before every text. Translations: each sentence of M-ABSA's development rows
in another language looks for its English one among all that are known, and the English one for it among those of that language.
Clusters: k-means with 77 means over development and test rows; V-measure, the mean of five seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import v_measure_score

from models.training.data import read_rows
from models.training.parallel import PIVOT, translations
from models.training.plain_backbone import PlainBackbone
from models.training.pooled import vectors_of
from nlp.bundle import Bundle, load_bundle
from nlp.embedding import packed, unpacked

Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]
SENTENCES, SEEDS = 1000, 5


def ours(bundle: Bundle, *, threads: int) -> Embed:
    """Embeddings as they are stored: in bytes and back."""
    return lambda texts: unpacked(packed(bundle.heads.embedding(vectors_of(list(texts), bundle, threads=threads))))


def share_found(asked: Floats, among: Floats, right: NDArray[np.integer]) -> float:
    """Of the rows of `asked`, how many have their own as the nearest."""
    return float(((asked @ among.T).argmax(axis=1) == right).mean())


def translations_found(embed: Embed, sentences: Sequence[Mapping[str, str]], *, per_language: int) -> dict[str, tuple[float, float]]:
    """By language: found from it among the English sentences, and from English among its own."""
    english = embed([one[PIVOT] for one in sentences])
    found: dict[str, tuple[float, float]] = {}
    for language in sorted({name for one in sentences for name in one} - {PIVOT}):
        rows = np.array([row for row, one in enumerate(sentences) if language in one][:per_language])
        theirs = embed([sentences[row][language] for row in rows])
        there = share_found(theirs, english, rows)
        found[language] = (there, share_found(english[rows], theirs, np.arange(len(rows))))
    return found


def clusters_found(vectors: Floats, labels: Sequence[str], *, seeds: int = SEEDS) -> float:
    """V-measure of k-means with as many means as there are labels, the mean over seeds."""
    count = len(set(labels))
    return float(
        np.mean([v_measure_score(labels, KMeans(count, n_init=1, random_state=seed).fit_predict(vectors)) for seed in range(seeds)])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--per-language", type=int, default=SENTENCES, help="sentences asked in each language")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    sentences = translations(given.data, split="dev")[:SENTENCES]
    intents = [row for row in read_rows(given.data, "banking77") if row["split"] != "train"]
    embedders = {
        "ours": ours(load_bundle(given.model), threads=given.threads),
        "backbone": PlainBackbone(given.backbone, threads=given.threads).embeddings,
    }
    for name, embed in embedders.items():
        found = translations_found(embed, sentences, per_language=given.per_language)
        there, back = np.mean(list(found.values()), axis=0)
        clusters = clusters_found(embed([row["text"] for row in intents]), [row["topics"][0] for row in intents])
        print(f"{name}: among {len(sentences)}, to English {there:.1%}, from English {back:.1%}; banking77 V-measure {clusters:.1%}")
        print("  " + ", ".join(f"{language} {a:.0%}/{b:.0%}" for language, (a, b) in found.items()))


if __name__ == "__main__":
    main()
