"""Measure what clusters and maps of the corpus promise, over seeds, and store it.

Run `python -m book.measure clustering`; it takes some ten minutes on one core. UMAP
gives other coordinates on other machines, so the maps that the chapter draws are
stored too, a part of the sentences each.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Sequence

import numpy as np

from book.measure.record import store
from widgets.clusters import agreement, as_labels, continuity
from widgets.corpus import DATA, load_corpus, load_vectors

SEEDS = range(10)
MAP_SEEDS = range(3)
SHARE = 0.8  # of the corpus, drawn anew for each seed
TOPICS = 40
KS = (2, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 100, 150, 200, 300)
NEIGHBOURS = (5, 15, 50)
DISTANCES = (0.0, 0.1, 0.8)
USUAL = (15, 0.1)
NEAR = 15  # neighbours that trustworthiness and continuity look at
SMALLEST = 5  # sentences in a cluster of HDBSCAN or community detection
THRESHOLDS = (0.75, 0.4)
DRAWN = slice(None, None, 2)  # the sentences of a map that is stored


def main(_: Sequence[str] = ()) -> None:
    """Measure methods, k, maps, noise and distances, and store them."""
    corpus = load_corpus()
    vectors = load_vectors().astype(float)
    texts = [sentence.text for sentence in corpus]
    topics = np.array([sentence.topic for sentence in corpus])
    fields = np.array([sentence.field for sentence in corpus])
    planes = {seed: plane(vectors, seed=seed) for seed in SEEDS[:5]}
    parts = {
        "methods": lambda: methods(vectors, texts, topics),
        "whole": lambda: whole(vectors, topics),
        "k": lambda: curve(vectors, topics, fields),
        "maps": lambda: maps(vectors, topics),
        "noise": lambda: noise(vectors),
        "distances": lambda: distances(vectors, topics, planes),
        "stability": lambda: stability(vectors, planes),
    }
    figures = {"sentences": len(corpus), "share": SHARE}
    for number, (name, measure) in enumerate(parts.items(), start=1):
        print(f"[{number}/{len(parts)}] {name}", flush=True)
        figures[name] = measure()
    store(
        "clustering",
        figures,
        versions=("scikit-learn", "umap-learn", "numba", "scipy"),
        data=[DATA / "corpus.jsonl", DATA / "corpus_vectors.npy"],
        seeds=SEEDS,
    )


def plane(
    vectors: np.ndarray,
    *,
    seed: int,
    n_neighbors: int = USUAL[0],
    min_dist: float = USUAL[1],
    n_components: int = 2,
    init: str = "spectral",
) -> np.ndarray:
    """Return UMAP's coordinates of vectors, shape (n, n_components)."""
    from umap import UMAP

    with warnings.catch_warnings():
        # A seed makes UMAP use one thread, and it warns of that
        warnings.filterwarnings("ignore", message="n_jobs value")
        return UMAP(
            n_neighbors=n_neighbors,
            min_dist=min_dist,
            n_components=n_components,
            metric="cosine",
            init=init,
            random_state=seed,
        ).fit_transform(vectors)


def kmeans(vectors: np.ndarray, k: int, seed: int, starts: int) -> np.ndarray:
    """Return k-means' labels."""
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=starts, random_state=seed).fit(vectors).labels_


def hdbscan(vectors: np.ndarray, smallest: int = SMALLEST) -> np.ndarray:
    """Return HDBSCAN's labels, -1 where it leaves a sentence out."""
    from sklearn.cluster import HDBSCAN

    return HDBSCAN(min_cluster_size=smallest, copy=True).fit(vectors).labels_


def communities(vectors: np.ndarray, threshold: float) -> np.ndarray:
    """Return the labels of the library's community detection."""
    from sentence_transformers import util

    found = util.community_detection(vectors, threshold, min_community_size=SMALLEST)
    return as_labels(found, len(vectors))


def labellings(
    vectors: np.ndarray, texts: list[str], seed: int
) -> dict[str, np.ndarray]:
    """Return every method's labels for one drawing of the corpus."""
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.feature_extraction.text import TfidfVectorizer

    def joined(linkage: str, metric: str) -> np.ndarray:
        method = AgglomerativeClustering(TOPICS, linkage=linkage, metric=metric)
        return method.fit(vectors).labels_

    flat = plane(vectors, seed=seed)
    ten = plane(vectors, seed=seed, min_dist=0.0, n_components=10)
    words = TfidfVectorizer(stop_words="english").fit_transform(texts)
    random = np.random.default_rng(seed)
    return {
        "k-means, 1 start": kmeans(vectors, TOPICS, seed, 1),
        "k-means, 10 starts": kmeans(vectors, TOPICS, seed, 10),
        "agglomerative, Ward": joined("ward", "euclidean"),
        "agglomerative, average": joined("average", "cosine"),
        "HDBSCAN": hdbscan(vectors),
        **{
            f"communities at {threshold}": communities(vectors, threshold)
            for threshold in THRESHOLDS
        },
        "UMAP to 10, k-means": kmeans(ten, TOPICS, seed, 10),
        "UMAP to 10, HDBSCAN": hdbscan(ten),
        "UMAP to 2, k-means": kmeans(flat, TOPICS, seed, 10),
        "UMAP to 2, HDBSCAN": hdbscan(flat),
        "word counts, k-means": kmeans(words, TOPICS, seed, 10),
        "random labels": random.integers(TOPICS, size=len(texts)),
    }


def methods(
    vectors: np.ndarray, texts: list[str], topics: np.ndarray
) -> dict[str, dict]:
    """Return each method's agreement with the topics over drawings of the corpus."""
    runs: dict[str, list[dict]] = {}
    for seed in SEEDS:
        print(f"  drawing {seed + 1} of {len(SEEDS)}", flush=True)
        size = round(SHARE * len(texts))
        drawn = np.sort(np.random.default_rng(seed).permutation(len(texts))[:size])
        found = labellings(vectors[drawn], [texts[i] for i in drawn], seed)
        for name, labels in found.items():
            scores = agreement(topics[drawn], labels)
            placed = labels >= 0
            if placed.any():
                kept = agreement(topics[drawn][placed], labels[placed])
                scores |= {f"{key}_placed": kept[key] for key in ("v_measure", "ari")}
            scores["clusters"] = len(set(labels[placed].tolist()))
            runs.setdefault(name, []).append(scores)
    return {
        name: {key: spread(run.get(key) for run in each) for key in each[0]}
        for name, each in runs.items()
    }


def whole(vectors: np.ndarray, topics: np.ndarray) -> dict[str, dict]:
    """Return what k-means makes of the whole corpus, by number of starts."""
    from sklearn.cluster import KMeans

    found = {}
    for starts in (1, 10):
        runs = [
            KMeans(TOPICS, n_init=starts, random_state=seed).fit(vectors)
            for seed in SEEDS
        ]
        scores = [agreement(topics, run.labels_) for run in runs]
        found[str(starts)] = {
            "inertia": spread(run.inertia_ for run in runs),
            **{key: spread(s[key] for s in scores) for key in ("v_measure", "ari")},
        }
    return found


def curve(vectors: np.ndarray, topics: np.ndarray, fields: np.ndarray) -> list[dict]:
    """Return inertia, silhouette, stability and agreement for each k."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import euclidean_distances, silhouette_score

    apart = euclidean_distances(vectors)
    np.fill_diagonal(apart, 0)
    rows = []
    for k in KS:
        runs = [KMeans(k, n_init=1, random_state=seed).fit(vectors) for seed in SEEDS]
        rows.append(
            {
                "k": k,
                "inertia": spread(run.inertia_ for run in runs),
                "silhouette": spread(
                    silhouette_score(apart, run.labels_, metric="precomputed")
                    for run in runs
                ),
                "stability": spread(same(run.labels_ for run in runs)),
                "v_measure": spread(
                    agreement(topics, run.labels_)["v_measure"] for run in runs
                ),
                "topics": spread(agreement(topics, r.labels_)["ari"] for r in runs),
                "fields": spread(agreement(fields, r.labels_)["ari"] for r in runs),
            }
        )
    return rows


def maps(vectors: np.ndarray, topics: np.ndarray) -> dict:
    """Return how well maps of several settings keep neighbours, and some of them."""
    from sklearn.decomposition import PCA

    rows, drawn = [], {}
    for neighbours, distance in itertools.product(NEIGHBOURS, DISTANCES):
        scores = []
        for seed in MAP_SEEDS:
            xy = plane(vectors, seed=seed, n_neighbors=neighbours, min_dist=distance)
            scores.append(kept(vectors, xy))
            if seed == 0 or (neighbours, distance) == USUAL:
                drawn[f"{neighbours}, {distance}, seed {seed}"] = points(xy[DRAWN])
        rows.append(
            {
                "n_neighbors": neighbours,
                "min_dist": distance,
                **{key: spread(score[key] for score in scores) for key in scores[0]},
            }
        )
    flat = PCA(2, random_state=0).fit_transform(vectors)
    drawn["PCA"] = points(flat[DRAWN])
    chance = np.random.default_rng(0).normal(size=flat.shape)
    return {
        "settings": rows,
        "PCA": kept(vectors, flat),
        "random": kept(vectors, chance),
        "topics": topics[DRAWN].tolist(),
        "drawn": drawn,
    }


def kept(vectors: np.ndarray, xy: np.ndarray) -> dict[str, float]:
    """Return a map's trustworthiness and continuity, to 4 decimals."""
    from sklearn.manifold import trustworthiness

    return {
        "trustworthiness": round(
            float(trustworthiness(vectors, xy, n_neighbors=NEAR)), 4
        ),
        "continuity": round(continuity(vectors, xy, NEAR), 4),
    }


def noise(vectors: np.ndarray) -> dict:
    """Return what is found in random directions, and in the corpus beside them."""
    random = np.random.default_rng(0).normal(size=vectors.shape)
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    made = {}
    for name, given in {"random": random, "corpus": vectors}.items():
        for neighbours in NEIGHBOURS:
            flats = [
                plane(given, seed=seed, n_neighbors=neighbours, min_dist=0.0)
                for seed in MAP_SEEDS
            ]
            made[f"{name}, map of {neighbours}"] = [look(flat) for flat in flats]
            if name == "random":
                made[f"drawn, {neighbours}"] = points(flats[0][DRAWN])
        made[f"{name}, 384 dimensions"] = [look(given)]
    return made


def look(vectors: np.ndarray) -> dict[str, float]:
    """Return how many clusters HDBSCAN sees, whom it places, and a silhouette."""
    from sklearn.metrics import silhouette_score

    labels = hdbscan(vectors, smallest=10)
    forty = kmeans(vectors, TOPICS, 0, 1)
    return {
        "clusters": len(set(labels.tolist()) - {-1}),
        "placed": round(float((labels >= 0).mean()), 3),
        "silhouette": round(float(silhouette_score(vectors, forty)), 3),
    }


def distances(
    vectors: np.ndarray, topics: np.ndarray, planes: dict[int, np.ndarray]
) -> dict:
    """Return how far distances between topics, and their widths, agree with a map's."""
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr
    from sklearn.decomposition import PCA

    names = sorted(set(topics))

    def geography(space: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = [space[topics == name] for name in names]
        centres = np.stack([rows.mean(axis=0) for rows in own])
        widths = [
            np.linalg.norm(rows - middle, axis=1).mean()
            for rows, middle in zip(own, centres, strict=True)
        ]
        return pdist(centres), np.array(widths)

    true_apart, true_widths = geography(vectors)
    seen = [geography(flat) for flat in planes.values()]
    apart = [found[0] for found in seen]
    elsewhere = [
        geography(plane(vectors, seed=seed, init="random"))[0] for seed in planes
    ]
    flat_pca = geography(PCA(2, random_state=0).fit_transform(vectors))[0]
    far = true_apart > np.median(true_apart)
    return {
        "between topics": spread(spearmanr(true_apart, a)[0] for a in apart),
        "the far half": spread(spearmanr(true_apart[far], a[far])[0] for a in apart),
        "random beginning": spread(spearmanr(true_apart, a)[0] for a in elsewhere),
        "PCA": spread([spearmanr(true_apart, flat_pca)[0]]),
        "two seeds": spread(correlations(apart)),
        "two random beginnings": spread(correlations(elsewhere)),
        "nearest topic kept": spread(
            nearest_kept(true_apart, a, len(names)) for a in apart
        ),
        "widths": spread(spearmanr(true_widths, w)[0] for _, w in seen),
        "pairs": " ".join(
            f"{t:.3f} {m:.2f}" for t, m in zip(true_apart, apart[0], strict=True)
        ),
    }


def correlations(apart: Iterable[np.ndarray]) -> list[float]:
    """Return the rank correlation of every two lists of distances."""
    from scipy.stats import spearmanr

    return [float(spearmanr(a, b)[0]) for a, b in itertools.combinations(apart, 2)]


def nearest_kept(true_apart: np.ndarray, apart: np.ndarray, count: int) -> float:
    """Return the share of topics whose nearest other topic is the same on the map."""
    from scipy.spatial.distance import squareform

    nearest = [
        (squareform(each) + np.diag(np.full(count, np.inf))).argmin(axis=1)
        for each in (true_apart, apart)
    ]
    return float((nearest[0] == nearest[1]).mean())


def stability(vectors: np.ndarray, planes: dict[int, np.ndarray]) -> dict[str, dict]:
    """Return how alike two clusterings are whose seeds alone differ (ARI)."""
    return {
        "384 dimensions": spread(same(kmeans(vectors, TOPICS, s, 10) for s in planes)),
        "2-D maps": spread(same(kmeans(p, TOPICS, s, 10) for s, p in planes.items())),
        "HDBSCAN on 2-D maps": spread(same(hdbscan(p) for p in planes.values())),
    }


def same(labellings: Iterable[np.ndarray]) -> list[float]:
    """Return the adjusted Rand index of every two labellings."""
    from sklearn.metrics import adjusted_rand_score

    pairs = itertools.combinations(labellings, 2)
    return [float(adjusted_rand_score(a, b)) for a, b in pairs]


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return mean, lowest and highest, to 4 decimals."""
    found = [float(value) for value in values]
    return {
        "mean": round(float(np.mean(found)), 4),
        "low": round(min(found), 4),
        "high": round(max(found), 4),
    }


def points(xy: np.ndarray) -> str:
    """Return coordinates as one line of numbers, x and y in turn, to 2 decimals."""
    return " ".join(f"{value:.2f}" for value in np.asarray(xy).ravel())


if __name__ == "__main__":
    main()
