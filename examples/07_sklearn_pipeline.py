"""Search as the last step of a scikit-learn pipeline, with labels as they are.

python examples/07_sklearn_pipeline.py --evaluations 20
"""

import argparse

from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gakeras.estimators import SearchClassifier

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()

    wine = load_wine()
    labels = wine.target_names[wine.target]
    x, x_test, y, y_test = train_test_split(wine.data, labels, stratify=labels, random_state=0)

    classifier = SearchClassifier(
        max_evaluations=arguments.evaluations,
        population_size=min(10, arguments.evaluations),
        num_folds=3,
        epochs=arguments.epochs,
        final_epochs=2 * arguments.epochs,
        batch_size=16,
        random_state=0,
    )
    pipeline = make_pipeline(StandardScaler(), PCA(8), classifier)
    pipeline.fit(x, y)
    print(pipeline[-1].genome_)
    print("the first five of the test part:", ", ".join(pipeline.predict(x_test[:5])))
    print(f"accuracy on the test part: {pipeline.score(x_test, y_test):.3f}")
