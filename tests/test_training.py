"""Training by contrast and the probe for word order, on a model of toy size."""

import math

import numpy as np
import pytest
import torch

from widgets import prepare, training, word_order


@pytest.fixture(scope="module")
def model():
    prepare()
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer("all-MiniLM-L6-v2", device="cpu")


def weights(encoder):
    return {name: w.detach().clone() for name, w in encoder.named_parameters()}


def test_the_pairs_are_all_different_and_graded_evenly():
    train, heldout = training.load_pairs("train"), training.load_pairs("heldout")
    assert all(pair.grade is None for pair in train)
    grades = [pair.grade for pair in heldout]
    assert {grades.count(grade) for grade in range(6)} == {len(heldout) // 6}
    texts = [text.lower() for pair in (*train, *heldout) for text in pair[:2]]
    assert len(set(texts)) == len(texts)


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match='take "train" or "heldout"'):
        training.load_pairs("test")


def test_a_fresh_encoder_keeps_the_word_vectors_and_nothing_else(model):
    fresh = training.fresh_encoder(model, seed=1)
    own, old = weights(fresh), weights(model)
    for name, weight in own.items():
        same = torch.equal(weight, old[name])
        norm = "LayerNorm" in name
        assert same or not name.endswith("word_embeddings.weight"), name
        assert not same or norm or name.endswith(("word_embeddings.weight", "bias"))
    assert len(fresh[0].auto_model.encoder.layer) == 2
    assert len(model[0].auto_model.encoder.layer) == 6
    assert not fresh[0].auto_model.embeddings.word_embeddings.weight.requires_grad
    assert model[0].auto_model.embeddings.word_embeddings.weight.requires_grad


def test_a_seed_gives_one_encoder_and_another_seed_another(model):
    one, same, other = (training.fresh_encoder(model, seed) for seed in (3, 3, 4))
    text = ["This tea is cold"]
    assert np.array_equal(one.encode(text), same.encode(text))
    assert not np.allclose(one.encode(text), other.encode(text), atol=1e-3)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_a_fresh_encoder_pools_as_it_is_told(model, pooling):
    fresh = training.fresh_encoder(model, pooling=pooling)
    rows = fresh.encode("This tea is cold", output_value="token_embeddings")
    pooled = {"mean": rows.mean(dim=0), "max": rows.max(dim=0).values, "cls": rows[0]}
    found = torch.tensor(fresh.encode("This tea is cold"))
    wanted = torch.nn.functional.normalize(pooled[pooling], dim=0)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_the_loss_is_the_mean_negative_logarithm_of_the_right_chance():
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    close = torch.tensor([[1.0, 0.0], [0.96, 0.28]])
    wanted = math.log1p(math.exp(training.SCALE * (0.96 - 1)))
    assert training.in_batch_loss(close, close).item() == pytest.approx(wanted)
    swapped = training.in_batch_loss(first, first.flip(0)).item()
    assert swapped == pytest.approx(training.SCALE, abs=1e-4)


def test_training_lowers_the_loss_and_repeats_itself(model):
    pairs = [pair[:2] for pair in training.load_pairs("train")[:16]]
    runs, steps = [], []
    for seed in (0, 0, 1):
        encoder = training.fresh_encoder(model)
        before = weights(encoder)
        runs.append(
            training.train_contrastive(
                encoder,
                pairs,
                epochs=6,
                batch_size=8,
                lr=1e-3,
                seed=seed,
                on_step=lambda *told: steps.append(told),
            )
        )
        after = weights(encoder)
        kept = [name for name in before if torch.equal(before[name], after[name])]
        assert [name for name in kept if "embeddings.word" in name]
        assert len(kept) < len(before) / 2
    assert [told[:2] for told in steps] == 3 * [(i, 12) for i in range(1, 13)]
    assert [told[2] for told in steps] == [loss for run in runs for loss in run]
    assert runs[0] == runs[1] != runs[2]
    assert np.mean(runs[0][-2:]) < np.mean(runs[0][:2]) / 2


def test_too_few_pairs_for_a_batch_are_refused(model):
    with pytest.raises(ValueError, match="don't fill one batch of 4"):
        training.train_contrastive(model, [("a", "b")] * 3, batch_size=4)


class Numbers:
    """Encode "3" as an angle of 0.3, so that cosines are known."""

    def encode(self, texts, **_):
        angles = np.array([float(text) / 10 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_spearman_is_100_for_the_right_order_and_minus_100_for_its_opposite():
    rows = [("0", str(far), 5 - far) for far in range(6)]
    assert training.spearman(Numbers(), rows) == pytest.approx(100)
    turned = [(one, two, -grade) for one, two, grade in rows]
    assert training.spearman(Numbers(), turned) == pytest.approx(-100)


def test_static_vectors_know_no_order_and_positions_make_it(model):
    orders = ["The dog bit the man", "The man bit the dog"]
    one, two = training.static_vectors(model, orders)
    assert np.allclose(one, two, atol=1e-6)
    blind = word_order.without_positions(model)
    one, two = blind.encode(orders)
    assert one @ two == pytest.approx(1, abs=1e-5)
    one, two = model.encode(orders)
    assert 0.95 < one @ two < 0.99


def test_the_lists_hold_both_words_and_nothing_but_order_tells_the_label():
    texts, labels = word_order.order_examples(200, seed=0)
    for text, label in zip(texts, labels, strict=True):
        words = text.split()
        places = [words.index(word) for word in word_order.PAIR]
        assert len(set(words)) == 8
        assert (places[0] < places[1]) == label
    assert 70 < labels.sum() < 130


def test_the_probe_finds_what_is_there_and_nothing_in_noise():
    noise = np.random.default_rng(0).standard_normal((600, 20))
    labels = noise[:, 3] > 0
    assert word_order.probe(noise, labels) > 0.9
    chance = np.random.default_rng(1).random(600) > 0.5
    assert 0.4 < word_order.probe(noise, chance) < 0.6
    # What is smaller than rounding must not be stretched into a signal
    hidden = np.ones((600, 1)) + 1e-7 * labels[:, None]
    assert word_order.probe(hidden, labels) < 0.6
