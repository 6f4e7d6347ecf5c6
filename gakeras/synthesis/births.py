"""The jobs of a synthesis: measure the ancestor, bring up an offspring, train a network once more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from pydantic import TypeAdapter

from gakeras.data import fold_indices, open_data
from gakeras.durable import put_in_place
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.fitness.evaluation import forget_models
from gakeras.fitness.network import compiled_model, set_statistics
from gakeras.fitness.new_weights import with_new_weights
from gakeras.fitness.options import TrainingOptions, training_of
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.jobs import refusal
from gakeras.seeding import derive_seed, isolated
from gakeras.synthesis import ancestors
from gakeras.synthesis.compaction import Shrunk, masked_weights
from gakeras.synthesis.folding import fold_removed
from gakeras.synthesis.masks import full_masks, with_whole
from gakeras.synthesis.mating import Network
from gakeras.synthesis.offspring import Offspring, synthesize_offspring
from gakeras.synthesis.settings import Synthesis
from gakeras.synthesis.storage import load_masks, load_weights, save_answers, save_masks, save_weights
from gakeras.synthesis.upbringing import Nursery, open_nursery

BUILDERS = {
    "lenet5": ancestors.lenet5,
    "lenet5_stl10": ancestors.lenet5_stl10,
    "alexnet_cifar10": ancestors.alexnet_cifar10,
}


def measure_ancestor(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the model that a synthesis starts from; build and train it first where that is asked for.

    Args:
        payload: `model`, the path of a `.keras` file; `data_dir`, `folds_file`, `seed`, and
            `save_to`, where weights and masks go. With `build`, the name of a network, or
            `genome`, that one is trained from new weights as `training` says, or its genes of learning
            do, and saved as `model`.
            With `answers`, its outputs for all training examples are written to that file.

    Returns:
        Measures: as of an offspring. Artifacts: `weights` and `masks`.

    Raises:
        JobFailed: The model or the data cannot be used, or the model is no better than chance;
            the measures then have the parts of the `InputError` under `refused`.
    """
    try:
        return _measure_ancestor(payload)
    except InputError as error:
        raise refusal(error) from error
    finally:
        forget_models()


def _measure_ancestor(payload: Mapping[str, Any]) -> dict[str, Any]:
    path, seed = Path(payload["model"]), payload["seed"]
    losses: list[float] = []
    small: Shrunk | None = None
    is_new = "training" in payload
    options = _training(payload) if is_new else TrainingOptions()
    model = _built(payload, options) if is_new else load_ancestor(path)
    nursery = open_nursery(model, payload)
    network = Network(read_weights(model), full_masks(nursery.channels))
    if is_new:
        upbringing = nursery.raise_up(network, options, "float32", seed)
        network, losses, small = upbringing.network, upbringing.losses, upbringing.small
        write_weights(model, network.weights)
        temporary = path.with_name(f".{path.name}.tmp.keras")
        model.save(temporary)
        put_in_place(temporary, path)
    measures = nursery.measure(network, "float32", trained=small)
    check_better_than_chance(measures, nursery.head.task.outputs)
    if "answers" in payload:
        save_answers(Path(payload["answers"]), nursery.answer())
    return {"measures": measures | {"losses": losses}, "artifacts": _save(network, payload["save_to"])}


def _training(payload: Mapping[str, Any]) -> TrainingOptions:
    """Return how a network is trained that is built: a genome's as its genes of learning say."""
    options = TrainingOptions(**payload["training"])
    return training_of(Genome.from_json(payload["genome"]), options) if "genome" in payload else options


def _built(payload: Mapping[str, Any], options: TrainingOptions) -> keras.Model:
    """Return a network with new weights, its input scaled by the statistics of the training part."""
    with isolated(payload["seed"]):  # Keras seeds Python's generator as well
        keras.utils.set_random_seed(payload["seed"])
        if "build" in payload:
            return BUILDERS[payload["build"]]()
        data = open_data(Path(payload["data_dir"]))
        model = compiled_model(Genome.from_json(payload["genome"]), data.info, options)
    train, _ = fold_indices(np.load(payload["folds_file"], allow_pickle=False), 0)
    set_statistics(model, data.x, data.y, train)
    return model


def bear_offspring(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Draw one offspring from its parents, train it with its masks held, round it, measure it.

    Args:
        payload: `model`, the ancestor's path; `parents`, the fittest first, each with the paths
            `weights` and `masks`; `drawing` (`Synthesis` as JSON); `alpha`, a list or None; `heir`;
            `inherit`; `precision`; `training` (`TrainingOptions` as JSON); `seed`; `data_dir`,
            `folds_file`; `save_to`. With `distillation` (as JSON), also the file `answers`.

    Returns:
        Measures: synapses drawn and dead, the loss of every epoch, validation and test scores,
        sizes. Artifacts: `weights` and `masks`.

    Raises:
        JobFailed: A loss is not finite.
    """
    seed = payload["seed"]
    try:
        nursery = open_nursery(load_ancestor(Path(payload["model"])), payload)
        parents = [_load(parent) for parent in payload["parents"]]
        settings = TypeAdapter(Synthesis).validate_python(payload["drawing"])
        if settings.strength == "gradient":
            parents = [nursery.weighed(parent, derive_seed(seed, "strengths")) for parent in parents]
        rng = np.random.default_rng(derive_seed(seed, "drawing"))
        offspring = synthesize_offspring(
            nursery.channels, parents, settings, rng, alpha=payload["alpha"], heir=payload["heir"]
        )
        network = _newborn(nursery, offspring, payload["inherit"], seed)
        options, precision = TrainingOptions(**payload["training"]), payload["precision"]
        upbringing = nursery.raise_up(network, options, precision, seed)
        network, policy = upbringing.network, options.dtype_policy
        measures = nursery.measure(network, precision, policy, trained=upbringing.small)
        total = sum(mask.size for mask in with_whole(nursery.channels, network.masks).values())
        num_drawn = offspring.num_drawn + total - sum(mask.size for mask in network.masks.values())
        drawn = {
            "synapses_drawn": num_drawn,
            "efficiency_drawn": total / max(num_drawn, 1),
            "dead_synapses": offspring.num_dead,
            "num_attempts": offspring.num_attempts,
            "was_mended": offspring.was_mended,
        }
    finally:
        forget_models()
    return {
        "measures": measures | drawn | {"losses": upbringing.losses},
        "artifacts": _save(network, payload["save_to"]),
    }


def train_last(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Train a network once more with its masks as they are; the payload is that of an offspring."""
    try:
        nursery = open_nursery(load_ancestor(Path(payload["model"])), payload)
        (parent,) = (_load(parent) for parent in payload["parents"])
        options, precision = TrainingOptions(**payload["training"]), payload["precision"]
        upbringing = nursery.raise_up(parent, options, precision, payload["seed"])
        network, policy = upbringing.network, options.dtype_policy
        measures = nursery.measure(network, precision, policy, trained=upbringing.small)
        measures |= {"losses": upbringing.losses}
    finally:
        forget_models()
    return {"measures": measures, "artifacts": _save(network, payload["save_to"])}


def load_ancestor(path: Path) -> keras.Model:
    """Return the model of a `.keras` file, not compiled. Raises `InputError` where Keras cannot read it."""
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            "The ancestor is a model that Keras can load.",
            expected="a .keras file of stock layers",
            received=f"{path}: {str(error).splitlines()[0]}",
            way_out="Save it with `model.save`, and load it once with Keras alone.",
        ) from error


def check_better_than_chance(measures: Mapping[str, Any], outputs: int) -> None:
    """Refuse an ancestor whose macro recall is what always naming one class, or guessing, comes to."""
    chance = 1 / max(outputs, 2)
    if measures["val_recall"] <= chance + 1e-9:
        raise InputError(
            "There is nothing to inherit from an ancestor that guesses.",
            expected=f"a macro recall above {chance:.4f} on the validation part",
            received=f"{measures['val_recall']:.4f}, accuracy {measures['val_accuracy']:.4f}",
            way_out="Train it first, on data like these.",
        )


def _newborn(nursery: Nursery, offspring: Offspring, inherits: bool, seed: int) -> Network:
    """Return an offspring with the weights it starts with."""
    masks = offspring.network.masks
    if not inherits:
        new = with_new_weights(nursery.model, derive_seed(seed, "weights"))
        return Network(masked_weights(read_weights(new), masks), masks)
    parts = nursery.model, nursery.graph, nursery.channels
    unpruned = offspring.unpruned
    return Network(fold_removed(*parts, unpruned.weights, unpruned.masks, masks), masks)


def _load(paths: Mapping[str, str]) -> Network:
    return Network(load_weights(Path(paths["weights"])), load_masks(Path(paths["masks"])))


def _save(network: Network, save_to: str) -> dict[str, str]:
    """Write weights and masks, each whole or not at all; a name stands for one birth of one run."""
    folder = Path(save_to)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"weights": folder / "weights.npz", "masks": folder / "masks.npz"}
    save_weights(paths["weights"], network.weights)
    save_masks(paths["masks"], network.masks)
    return {name: str(path) for name, path in paths.items()}
