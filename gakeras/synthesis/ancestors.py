"""The ancestors of the papers, as plain Keras models."""

from __future__ import annotations

import keras
from keras import layers


def lenet5(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Sequential:
    """Build LeNet-5 in its Caffe form, 20-50-500-10: 5x5 `valid` convolutions and 2x2 max-pooling.

    With 28x28x1 images it has 430,500 synapses and 431,080 parameters. Unlike Caffe's, its
    convolutions have a ReLU, as the pooled values would otherwise be linear.

    Args:
        input_shape: Height, width and channels; whole numbers from 0 to 255 are expected and scaled.
        classes: Units of the softmax at the end.

    >>> lenet5().count_params()
    431080
    """
    return keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Rescaling(1 / 255, name="rescale"),
            layers.Conv2D(20, 5, activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, name="pool_1"),
            layers.Conv2D(50, 5, activation="relu", name="conv_2"),
            layers.MaxPooling2D(2, name="pool_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(500, activation="relu", name="dense_1"),
            layers.Dense(classes, activation="softmax", name="output"),
        ],
        name="lenet5",
    )


def lenet5_stl10() -> keras.Sequential:
    """Build LeNet-5 for the images of STL-10, 96x96x3: the same layers, 11,056,500 synapses.

    Nearly all of them are in the dense layer, which reads 21x21x50 values. Shafiee and Wong
    (2016) do not give their widths or input size for STL-10; this is the plain reading.
    """
    return lenet5((96, 96, 3))


def alexnet_cifar10(hidden_units: int = 4096) -> keras.Sequential:
    """Build the AlexNet of seven layers for CIFAR-10, with first kernels of 5x5x3.

    Shafiee and Wong (2016) say: AlexNet, the first kernels 5x5x3 in place of 11x11x3, five
    convolutional layers and two fully connected. The filters are those of AlexNet in one
    column (96-256-384-384-256) with 3x3 max-pooling of stride 2 after the first, second and
    fifth; the last dense layer is the output. Strides of the first layer, dropout and
    `hidden_units` are not given: 1, one half and AlexNet's 4096 here. Images are whole
    numbers from 0 to 255.

    >>> alexnet_cifar10().output_shape
    (None, 10)
    """
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255, name="rescale"),
            layers.Conv2D(96, 5, padding="same", activation="relu", name="conv_1"),
            layers.MaxPooling2D(3, strides=2, name="pool_1"),
            layers.Conv2D(256, 5, padding="same", activation="relu", name="conv_2"),
            layers.MaxPooling2D(3, strides=2, name="pool_2"),
            layers.Conv2D(384, 3, padding="same", activation="relu", name="conv_3"),
            layers.Conv2D(384, 3, padding="same", activation="relu", name="conv_4"),
            layers.Conv2D(256, 3, padding="same", activation="relu", name="conv_5"),
            layers.MaxPooling2D(3, strides=2, name="pool_5"),
            layers.Flatten(name="flatten"),
            layers.Dense(hidden_units, activation="relu", name="dense_1"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(10, activation="softmax", name="output"),
        ],
        name="alexnet_cifar10",
    )
