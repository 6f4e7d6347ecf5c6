"""Laws of what goes beyond the papers: distillation, gradients, LAMP scores, budgets of layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from small_family import ancestor

from gakeras.data import Task
from gakeras.errors import InputError
from gakeras.fitness.distillation import DistilledLoss, distilled_targets
from gakeras.fitness.heads import Head
from gakeras.fitness.options import Distillation, TrainingOptions
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.environment import _parts, impose, score
from gakeras.synthesis.mating import mate
from gakeras.synthesis.offspring import synthesize_offspring
from gakeras.synthesis.settings import Budget, Synthesis
from gakeras.synthesis.strengths import gradient_strengths

LABELS = np.array([0, 2, 1, 1])
ANSWERS = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1], [0.2, 0.5, 0.3]])
OUTPUTS = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])


def cooled(chances: np.ndarray, temperature: float) -> np.ndarray:
    powers = chances ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("is_logits", [False, True])
def test_the_distilled_loss_is_that_of_hinton(is_logits: bool) -> None:
    share, temperature = 0.4, 3.0
    lesson = Distillation(share, temperature)
    targets = distilled_targets(LABELS, ANSWERS, lesson)
    outputs = np.log(OUTPUTS) + 2.0 if is_logits else OUTPUTS
    by_label = -np.log(OUTPUTS[np.arange(4), LABELS])
    by_answer = -(cooled(ANSWERS, temperature) * np.log(cooled(OUTPUTS, temperature))).sum(axis=1)
    expected = (1 - share) * by_label + share * temperature**2 * by_answer
    received = DistilledLoss(lesson, is_logits).call(targets, outputs.astype("float32"))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(received), expected, rtol=1e-5)


@pytest.mark.parametrize("is_logits", [False, True])
def test_one_output_for_two_classes_is_distilled_as_two_are(is_logits: bool) -> None:
    head, lesson = Head(Task("binary", 1), is_logits), Distillation(0.5, 2.0)
    chances = np.array([[0.3], [0.9]])
    outputs = np.log(chances / (1 - chances)) if is_logits else chances
    targets = head.distilled(np.array([0, 1]), outputs, lesson)
    np.testing.assert_allclose(targets[:, :2], [[1, 0], [0, 1]])
    np.testing.assert_allclose(targets[:, 2:], cooled(np.hstack([1 - chances, chances]), 2.0), rtol=1e-6)
    alone = DistilledLoss(lesson, is_logits).call(targets, outputs.astype("float32"))
    both = np.hstack([1 - chances, chances]).astype("float32")
    pair = DistilledLoss(lesson, False).call(targets, both)
    np.testing.assert_allclose(*(keras.ops.convert_to_numpy(loss) for loss in (alone, pair)), rtol=1e-4)


def test_labels_of_any_form_are_distilled_alike() -> None:
    lesson, one_hot = Distillation(), np.eye(3)[LABELS]
    by_number = Head(Task("multiclass", 3), False).distilled(LABELS, ANSWERS, lesson)
    by_row = Head(Task("one_hot", 3), False).distilled(one_hot, ANSWERS, lesson)
    np.testing.assert_array_equal(by_number, by_row)


def test_gradient_strengths_are_weight_times_gradient_and_leave_the_model_as_it_was() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid", name="out")])
    kernel = np.array([[0.5], [-1.0], [0.0]], "float32")
    write_weights(model, {"out/kernel": kernel, "out/bias": np.array([0.1], "float32")})
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(128, 3)).astype("float32"), np.arange(128) % 2
    head = Head(Task("binary", 1), False)
    received = gradient_strengths(model, head, x, y, ["out/kernel"])["out/kernel"]
    chances = 1 / (1 + np.exp(-(x @ kernel[:, 0] + 0.1)))
    gradients = [(x[i : i + 64] * (chances - y)[i : i + 64, None]).mean(axis=0) for i in (0, 64)]
    expected = np.abs(kernel[:, 0]) * np.sqrt(np.mean(np.square(gradients), axis=0))
    np.testing.assert_allclose(received[:, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(read_weights(model)["out/kernel"], kernel)


def test_weighted_examples_count_in_the_gradients_and_kernels_that_are_not_trained_have_their_size() -> None:
    frozen = keras.layers.Dense(2, activation="tanh", name="in", trainable=False)
    model = keras.Sequential([keras.Input((3,)), frozen, keras.layers.Dense(1, "sigmoid", name="out")])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)).astype("float32"), np.arange(64) % 2
    names, head = ["in/kernel", "out/kernel"], Head(Task("binary", 1), False)
    half = np.repeat([2.0, 0.0], 32)
    weighted = gradient_strengths(model, head, x, y, names, half)
    alone = gradient_strengths(model, head, x[:32], y[:32], names)
    np.testing.assert_allclose(weighted["out/kernel"], alone["out/kernel"], rtol=1e-4)
    np.testing.assert_array_equal(weighted["in/kernel"], np.abs(read_weights(model)["in/kernel"]))


def test_lamp_scores_rank_the_synapses_of_all_layers_as_the_baseline_does() -> None:
    channels, parent = ancestor()
    settings = Synthesis(synapse_score="lamp", sharpness=1.0)
    clusters = form_clusters(channels)
    _, logs = score(mate([parent], clusters, settings), clusters, settings)
    baseline = Synthesis(method="lamp", environment=Budget(1.0, 0.3), cap=None)
    kept = synthesize_offspring(channels, [parent], baseline, np.random.default_rng(0)).unpruned.masks
    lowest = min(float(logs[name][mask].min()) for name, mask in kept.items() if mask.any())
    highest = max(float(logs[name][~mask].max()) for name, mask in kept.items() if not mask.all())
    assert lowest >= highest


def test_a_budget_of_layers_is_kept_in_every_layer_and_exponents_change_it() -> None:
    channels, parent = ancestor()
    clusters = form_clusters(channels)
    budget, exponents = Budget.keeping(0.5), {"conv_1": 0.0, "hidden": 2.0}
    settings = Synthesis(environment=budget, cap=None, budget_per="layer", exponents=exponents)
    chances = impose(mate([parent], clusters, settings), clusters, settings)
    for name, group in clusters.items():
        expected = float((group.sums(chances.synapses[name]) * chances.clusters[name]).sum())
        power = exponents.get(name.rpartition("/")[0], 1.0)
        assert expected / parent.masks[name].size == pytest.approx(0.5**power, rel=1e-3), name


def test_an_exponent_of_no_layer_is_refused() -> None:
    settings = Synthesis(budget_per="layer", exponents={"typo": 0.5}, cap=None)
    with pytest.raises(InputError, match="among a, b.*Received: typo"):
        list(_parts({"a/kernel": None, "b/kernel": None}, settings))  # type: ignore[dict-item]


def test_exponents_without_budgets_of_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="budget_per"):
        Synthesis(exponents={"conv_1": 0.5})


def test_a_head_learns_from_answers_alone() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    head, lesson = Head(Task("multiclass", 3), False), Distillation(share=1.0, temperature=1.0)
    head.compile(model, TrainingOptions(learning_rate=0.1), distillation=lesson)
    x, wrong_labels = np.eye(4, dtype="float32"), (LABELS + 1) % 3
    targets = head.distilled(wrong_labels, ANSWERS, lesson)
    for _ in range(150):
        model.train_on_batch(x, targets)
    np.testing.assert_allclose(model.predict_on_batch(x), ANSWERS, atol=0.05)
