"""Laws of the jobs of a synthesis, with small Keras models."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from pydantic import TypeAdapter

from gakeras.data import Arrays, assign_validation, check_arrays, fold_indices, store_arrays
from gakeras.encoding import Genome
from gakeras.fitness.options import TrainingOptions
from gakeras.graph import model_cost
from gakeras.graph.rebuilding import write_weights
from gakeras.jobs import JobFailed
from gakeras.synthesis import Budget, Synthesis, count_synapses
from gakeras.synthesis.births import bear_offspring, measure_ancestor, train_last
from gakeras.synthesis.exporting import export_network
from gakeras.synthesis.storage import load_masks, load_weights

RNG = np.random.default_rng(0)
LABELS = np.arange(120) % 3
IMAGES = (RNG.random((120, 6, 6)) * 60 + 80 * (LABELS[:, None, None] == np.arange(6)[:, None] // 2)).astype(
    np.uint8
)
TRAINING = TrainingOptions(epochs=3, batch_size=20, learning_rate=0.01)
DRAWING = Synthesis(environment=Budget.keeping(0.6))


def network(
    outputs: int = 3, activation: str | None = "softmax", shape: tuple[int, ...] = (6, 6, 1)
) -> keras.Model:
    """Build a small convolutional classifier."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Rescaling(1 / 255, name="rescale"),
            layers.Conv2D(6, 3, activation="relu", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dense(12, activation="relu", name="dense"),
            layers.Dropout(0.1, name="dropout"),
            layers.Dense(outputs, activation=activation, name="output"),
        ]
    )


def trained(**changes: Any) -> keras.Model:
    """Return the same, trained."""
    model = network(**changes)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=changes.get("activation", "softmax") is None
    )
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(IMAGES, LABELS, epochs=6, batch_size=20, verbose=0)
    return model


Payload = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def payload(tmp_path_factory: pytest.TempPathFactory) -> Payload:
    """The payload of a job on a model and data of its own."""

    def prepared(model: keras.Model, arrays: Arrays | None = None, **changes: Any) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("run")
        arrays = arrays or Arrays(IMAGES, LABELS, IMAGES[:30], LABELS[:30])
        task = check_arrays(arrays, num_folds=2)
        store_arrays(arrays, task, folder / "data")
        if task.is_classification:
            np.save(folder / "folds.npy", assign_validation(arrays.y, task, 0.25, 0))
        model.save(folder / "ancestor.keras")
        paths = {"data_dir": str(folder / "data"), "folds_file": str(folder / "folds.npy")}
        return {
            "model": str(folder / "ancestor.keras"),
            "seed": 5,
            "save_to": str(folder / "0"),
            **paths,
            **changes,
        }

    return prepared


@pytest.fixture(scope="module")
def ancestor(payload: Payload) -> tuple[dict[str, Any], dict[str, Any]]:
    """The payload of a measured ancestor, and its result."""
    given = payload(trained())
    return given, measure_ancestor(given)


def offspring_of(
    ancestor: tuple[dict[str, Any], dict[str, Any]], name: str, parents: int = 1, **changes: Any
) -> dict[str, Any]:
    given, result = ancestor
    return given | {
        "parents": [result["artifacts"]] * parents,
        "drawing": TypeAdapter(Synthesis).dump_python(DRAWING, mode="json"),
        "alpha": None,
        "heir": "fittest",
        "inherit": True,
        "precision": "float32",
        "training": asdict(TRAINING),
        "save_to": str(Path(given["save_to"]).with_name(name)),
        **changes,
    }


def test_an_ancestor_is_measured_as_it_is(ancestor: tuple[dict[str, Any], dict[str, Any]]) -> None:
    given, result = ancestor
    model = keras.saving.load_model(given["model"], compile=False)
    measures, cost = result["measures"], model_cost(model)
    assert measures["synapses"] == 9 * 6 + 96 * 12 + 12 * 3 and measures["efficiency"] == 1.0
    assert (measures["parameters"], measures["flops"]) == (cost.parameters, cost.flops)
    predicted = model.predict(IMAGES[:30], verbose=0).argmax(axis=1)
    assert measures["test_accuracy"] == pytest.approx(np.mean(predicted == LABELS[:30]))
    assert measures["val_accuracy"] > 0.8
    assert json.loads(json.dumps(result)) == result


def test_an_ancestor_is_trained_as_its_genes_of_learning_say(payload: Payload) -> None:
    block = "dense #8 activation=relu"
    ways = {
        f"{block}\nlearning optimizer=sgd learningrate=0.1": TRAINING,
        block: replace(TRAINING, optimizer="sgd", learning_rate=0.1),
        f"{block} ": TRAINING,
    }
    losses = []
    for text, training in ways.items():
        genome = Genome.parse(text).to_json()
        given = payload(network(), genome=genome, training=asdict(training))
        losses.append(measure_ancestor(given)["measures"]["losses"])
    assert losses[0] == losses[1] != losses[2]


def test_an_offspring_is_smaller_lives_on_a_part_of_its_parents_synapses_and_is_measured(
    ancestor: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    result = bear_offspring(offspring_of(ancestor, "1"))
    measures, masks = result["measures"], load_masks(Path(result["artifacts"]["masks"]))
    weights = load_weights(Path(result["artifacts"]["weights"]))
    assert all(not weights[name][~mask].any() for name, mask in masks.items())
    assert measures["synapses"] == count_synapses(masks) < ancestor[1]["measures"]["synapses"]
    assert measures["synapses_drawn"] == measures["synapses"] + measures["dead_synapses"]
    assert measures["parameters"] < ancestor[1]["measures"]["parameters"]
    assert len(measures["losses"]) == TRAINING.epochs and measures["val_accuracy"] > 0.6
    child = offspring_of((ancestor[0], result), "2")
    grandchild = load_masks(Path(bear_offspring(child)["artifacts"]["masks"]))
    assert all((mask <= masks[name]).all() for name, mask in grandchild.items())


def test_an_offspring_is_measured_with_statistics_of_its_own_and_not_of_its_parent(payload: Payload) -> None:
    first, conv, *rest = network().layers
    stack = [keras.Input((6, 6, 1)), first, conv, layers.BatchNormalization(name="norm"), *rest]
    model = keras.models.clone_model(keras.Sequential(stack))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(IMAGES, LABELS, epochs=12, batch_size=20, verbose=0)
    given = payload(model)
    result = bear_offspring(offspring_of((given, measure_ancestor(given)), "1"))
    write_weights(model, load_weights(Path(result["artifacts"]["weights"])))
    train, _ = fold_indices(np.load(given["folds_file"]), 0)
    convolved = keras.Model(model.inputs, model.get_layer("conv").output).predict_on_batch(IMAGES[train])
    means = convolved.mean(axis=(0, 1, 2))
    living = load_masks(Path(result["artifacts"]["masks"]))["conv/kernel"].any(axis=(0, 1, 2))
    np.testing.assert_allclose(
        np.asarray(model.get_layer("norm").moving_mean)[living], means[living], rtol=1e-4
    )


def test_the_same_payload_gives_the_same_offspring_and_another_seed_another(
    ancestor: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    one, two, three = (
        bear_offspring(offspring_of(ancestor, name, seed=seed))["measures"]
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert one == two and one != three


@pytest.mark.parametrize("changes", [{"inherit": False}, {"parents": 3}, {"precision": "float16"}], ids=str)
def test_offspring_with_new_weights_several_parents_or_half_precision(
    changes: dict[str, Any], ancestor: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    result = bear_offspring(offspring_of(ancestor, "x", **changes))
    weights = load_weights(Path(result["artifacts"]["weights"]))
    assert result["measures"]["synapses"] < ancestor[1]["measures"]["synapses"]
    if "precision" in changes:
        kernel = weights["dense/kernel"]
        assert (kernel == kernel.astype(np.float16)).all()


def test_kernels_that_cannot_be_thinned_count_as_living_synapses_and_are_rounded(payload: Payload) -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Rescaling(1 / 255, name="rescale"),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.Conv2D(64, 3, groups=2, activation="relu", name="grouped"),
            layers.Conv2DTranspose(4, 2, activation="relu", name="transposed"),
            layers.Flatten(name="flatten"),
            layers.Dense(3, activation="softmax", name="output"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(IMAGES, LABELS, epochs=6, batch_size=20, verbose=0)
    given = payload(model)
    born = measure_ancestor(given)
    thinned, whole = 9 * 8 + 3 * 3 * 4 * 3, 9 * 4 * 64 + 4 * 4 * 64
    assert born["measures"]["synapses"] == thinned + whole and born["measures"]["efficiency"] == 1
    result = bear_offspring(offspring_of((given, born), "1", precision="int8"))
    measures, weights = result["measures"], load_weights(Path(result["artifacts"]["weights"]))
    masks = load_masks(Path(result["artifacts"]["masks"]))
    assert masks.keys() == {"conv/kernel", "output/kernel"}
    assert measures["synapses"] == measures["synapses_drawn"] - measures["dead_synapses"]
    assert measures["synapses"] == whole + count_synapses(masks)
    assert measures["efficiency"] == (thinned + whole) / measures["synapses"]
    assert measures["sparse_bytes"] > whole
    for name in ("grouped/kernel", "transposed/kernel"):
        kernel = weights[name]
        assert (kernel != 0).mean() > 0.9 and len(np.unique(kernel)) <= 255


@pytest.mark.parametrize("strength", ["weight", "gradient"])
def test_an_offspring_is_trained_and_exported_under_the_constraints_of_its_ancestor(
    strength: str, payload: Payload, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((36,)),
            layers.Rescaling(1 / 255),
            layers.Dense(24, activation="relu", kernel_constraint="non_neg", name="hidden"),
            layers.Dense(3, activation="softmax", name="output"),
        ]
    )
    x = IMAGES.reshape(120, 36)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x, LABELS, epochs=12, batch_size=20, verbose=0)
    given = payload(model, Arrays(x, LABELS))
    drawing = TypeAdapter(Synthesis).dump_python(replace(DRAWING, strength=strength), mode="json")
    result = bear_offspring(offspring_of((given, measure_ancestor(given)), "1", drawing=drawing))
    weights = load_weights(Path(result["artifacts"]["weights"]))
    assert weights["hidden/kernel"].min() >= 0 > weights["output/kernel"].min()
    path = tmp_path / "small.keras"
    export_network(given | result["artifacts"] | {"save_to": str(path), "training": asdict(TRAINING)})
    hidden = keras.saving.load_model(path).get_layer("hidden")
    assert isinstance(hidden.kernel.constraint, keras.constraints.NonNeg)


def test_a_last_training_keeps_the_masks(ancestor: tuple[dict[str, Any], dict[str, Any]]) -> None:
    born = bear_offspring(offspring_of(ancestor, "3"))
    longer = train_last(offspring_of((ancestor[0], born), "4"))
    before, after = (load_masks(Path(result["artifacts"]["masks"])) for result in (born, longer))
    assert all((before[name] == after[name]).all() for name in before)
    assert len(longer["measures"]["losses"]) == TRAINING.epochs


def test_an_export_is_a_small_model_with_the_outputs_of_the_masked_one(
    ancestor: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    result = bear_offspring(offspring_of(ancestor, "5"))
    path = tmp_path / "models" / "small.keras"
    given = ancestor[0] | result["artifacts"] | {"save_to": str(path), "training": asdict(TRAINING)}
    measures = export_network(given)["measures"]
    small = keras.saving.load_model(path)
    assert small.count_params() == result["measures"]["parameters"] == measures["parameters"]
    assert measures["max_difference"] <= 1e-5 and measures["file_bytes"] == path.stat().st_size
    _, accuracy = small.evaluate(IMAGES[:30], LABELS[:30], verbose=0)
    assert accuracy == pytest.approx(result["measures"]["test_accuracy"])


def test_logits_are_scored_as_probabilities_are(payload: Payload) -> None:
    given = payload(trained(activation=None))
    measures = measure_ancestor(given)["measures"]
    model = keras.saving.load_model(given["model"])
    loss = model.evaluate(IMAGES[:30], LABELS[:30], verbose=0)
    assert measures["test_loss"] == pytest.approx(loss, rel=1e-4)


@pytest.mark.parametrize("outputs", [1, 2])
def test_two_classes_may_have_one_output_or_two(outputs: int, payload: Payload) -> None:
    labels = (LABELS > 0).astype(int)
    model = network(outputs, "sigmoid" if outputs == 1 else "softmax")
    model.compile("adam", "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy")
    model.fit(IMAGES, labels, epochs=15, batch_size=20, verbose=0)
    assert measure_ancestor(payload(model, Arrays(IMAGES, labels)))["measures"]["val_accuracy"] > 0.8


def test_an_ancestor_that_is_to_be_built_is_trained_and_saved(payload: Payload) -> None:
    from gakeras.encoding import Genome

    genome = Genome.parse("conv #6 kernelsize=3 activation=relu\ndense #12 activation=relu")
    given = payload(network()) | {"genome": genome.to_json(), "training": asdict(TrainingOptions(epochs=15))}
    Path(given["model"]).unlink()
    measures = measure_ancestor(given)["measures"]
    again = measure_ancestor({key: given[key] for key in given.keys() - {"genome", "training"}})["measures"]
    assert again["val_loss"] == measures["val_loss"] and measures["val_accuracy"] > 0.6


# What is refused


def subclassed() -> keras.Model:
    inputs = keras.Input((6, 6, 1))
    hidden = layers.Flatten()(layers.LayerNormalization(name="norm")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(hidden))


def of_any_size() -> keras.Model:
    stack = [layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(), layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((None, None, 1)), *stack])


@pytest.mark.parametrize(
    ("model", "arrays", "message"),
    [
        pytest.param(subclassed, None, "'norm'.*Received: a LayerNormalization", id="unsupported layer"),
        pytest.param(
            lambda: network(5), None, r"labels 0..4, for an output of 5 units.*3 classes", id="labels"
        ),
        pytest.param(lambda: network(3, "relu"), None, "the activation 'relu'", id="activation"),
        pytest.param(
            lambda: network(shape=(7, 7, 1)), None, r"of shape \(7, 7, 1\).*of shape \(6, 6\)", id="shape"
        ),
        pytest.param(of_any_size, None, r"input has one size.*\(None, None, 1\)", id="any size"),
        pytest.param(network, None, "an ancestor that guesses.*above 0.3333", id="chance"),
    ],
)
def test_an_ancestor_that_cannot_be_used_is_refused_with_the_parts_of_the_message(
    model: Callable[[], keras.Model], arrays: Arrays | None, message: str, payload: Payload
) -> None:
    ancestor = model()
    if message.startswith("an ancestor that guesses"):  # one class for everything
        ancestor.get_layer("output").set_weights([np.zeros((12, 3)), np.array([1.0, 0.0, 0.0])])
    with pytest.raises(JobFailed, match=message) as failure:
        measure_ancestor(payload(ancestor, arrays))
    assert set(failure.value.measures["refused"]) == {"rule", "expected", "received", "way_out"}


def test_a_file_that_is_no_model_is_refused(payload: Payload) -> None:
    given = payload(network())
    Path(given["model"]).write_text("not a model")
    with pytest.raises(JobFailed, match="a model that Keras can load"):
        measure_ancestor(given)


def test_a_training_that_diverges_is_a_failure_with_its_reason(
    ancestor: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    wild = asdict(TrainingOptions(epochs=3, optimizer="sgd", learning_rate=1e30))
    with pytest.raises(JobFailed, match="diverged"):
        bear_offspring(offspring_of(ancestor, "9", training=wild))
